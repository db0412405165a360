"""The ground: podman's own storage, the namespace, what the machine must have, what is never deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import SandboxError
from orchestrator.sandbox import requirements
from orchestrator.sandbox.machine import Machine
from orchestrator.sandbox.mounts import mounts_below
from orchestrator.sandbox.namespace import Namespace
from orchestrator.sandbox.podman import LABEL, Podman
from orchestrator.sandbox.process import run
from orchestrator.sandbox.state import StateDir
from tests.unit.sandbox.fake import FakeRunner


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """Directories of the test."""
    made = StateDir(tmp_path / "root", tmp_path / "run")
    made.prepare()
    return made


def test_podman_never_sees_the_users_storage(state: StateDir) -> None:
    """Every call points at our configuration, whose directories are all ours; the locks are not shared ones."""
    runner = FakeRunner()
    podman = Podman(runner, state)
    podman.write_config()
    podman.call("ps")
    texts = [Path(path).read_text() for path in runner.envs[0].values()]
    paths = [line.split('"')[1] for text in texts for line in text.splitlines() if '= "/' in line]
    assert len(paths) == 6
    assert all(
        Path(path).is_relative_to(state.root) or Path(path).is_relative_to(state.run) for path in paths
    )
    assert 'lock_type = "file"' in "".join(texts)


def test_podman_s_files_are_never_seen_half_written(state: StateDir) -> None:
    """Another command's podman may be reading them: what is right stays, what is not is replaced whole."""
    podman = Podman(FakeRunner(), state)
    podman.write_config()
    files = {path: path.stat().st_ino for path in state.podman.glob("*.conf")}
    assert len(files) == 2
    podman.write_config()
    assert {path: path.stat().st_ino for path in files} == files
    for path in files:
        path.write_text("")
    before = {path: path.open() for path in files}
    podman.write_config()
    assert all(path.read_text() and not file.read() for path, file in before.items())
    for file in before.values():
        file.close()


def test_containers_are_read_with_their_labels(state: StateDir) -> None:
    """podman's JSON becomes sandbox, host and whether it runs."""
    labels = {LABEL: "try", f"{LABEL}.host": "web-1"}
    answer = json.dumps([{"Names": ["try.web-1"], "State": "running", "Labels": labels}])
    runner = FakeRunner({"ps": answer})
    (found,) = Podman(runner, state).containers("try")
    assert (found.name, found.sandbox, found.host, found.running) == ("try.web-1", "try", "web-1", True)
    assert runner.called(f"label={LABEL}=try")


def test_a_machine_with_cgroup2_needs_no_namespace(state: StateDir) -> None:
    """podman is called as it is."""
    runner = FakeRunner({"stat": "cgroup2fs\n", "podman": "[]"})
    machine = Machine(runner, state)
    machine.prepare()
    machine.podman.containers()
    assert runner.calls[-1][0] == "podman"
    assert not runner.called("unshare")


def test_a_hybrid_machine_gets_one(state: StateDir) -> None:
    """The mounts are made in their order, and every podman call enters the namespace."""
    runner = FakeRunner({"nsenter stat": (1, ""), "stat": "tmpfs\n", "mountpoint": 1, "podman": "[]"})
    machine = Machine(runner, state)
    machine.prepare()
    machine.podman.containers()
    place = str(state.run / "ns")
    made = [call for call in runner.calls if call[0] in ("mount", "unshare")]
    assert made == [
        ("mount", "--bind", place, place),
        ("mount", "--make-private", place),
        ("unshare", f"--mount={place}/mnt", "--propagation", "private", "true"),
    ]
    assert runner.calls[-1][:4] == ("nsenter", f"--mount={place}/mnt", "--", "podman")


def test_a_namespace_that_is_ready_is_used(tmp_path: Path) -> None:
    """Nothing is mounted twice."""
    runner = FakeRunner({"nsenter stat": "cgroup2fs\n"})
    Namespace(runner, tmp_path / "ns").create()
    assert not runner.called("mount")


def test_a_refused_mount_says_so(tmp_path: Path) -> None:
    """Inside a container without rights the error names the call and the kernel's answer."""
    runner = FakeRunner({"nsenter stat": 1, "mountpoint": 1, "mount --bind": (32, "permission denied")})
    with pytest.raises(SandboxError) as caught:
        Namespace(runner, tmp_path / "ns").create()
    assert "permission denied" in caught.value.why


def test_not_root_and_missing_packages_are_told_before_anything_is_made() -> None:
    """One message names everything that is missing, with the command that installs it."""
    with pytest.raises(SandboxError, match="needs root"):
        requirements.check(uid=lambda: 1000)
    with pytest.raises(SandboxError) as caught:
        requirements.check(
            which=lambda program: None if program in ("podman", "mmdebstrap") else "/x", uid=lambda: 0
        )
    assert caught.value.next == "apt-get install --no-install-recommends mmdebstrap podman"


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    """Hosts that would push the machine out of memory are refused."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 4000000 kB\nMemAvailable: 409600 kB\n")
    requirements.check_memory(2, meminfo)
    with pytest.raises(SandboxError) as caught:
        requirements.check_memory(3, meminfo)
    assert caught.value.why == "400 MiB free, 3 x 192 MiB needed"


def test_more_hosts_than_the_kernel_can_watch_for_are_refused(tmp_path: Path) -> None:
    """One inotify instance of another program leaves room for a host less; the setting to raise is named."""
    limit = tmp_path / "sys/fs/inotify/max_user_instances"
    limit.parent.mkdir(parents=True)
    limit.write_text("16\n")
    requirements.check_watches(2, tmp_path)
    (tmp_path / "17/fd").mkdir(parents=True)
    (tmp_path / "17/fd/3").symlink_to("anon_inode:inotify")
    (tmp_path / "17/fd/4").symlink_to("/dev/null")
    (tmp_path / "18").mkdir()  # a process that ends just now
    with pytest.raises(SandboxError) as caught:
        requirements.check_watches(2, tmp_path)
    assert caught.value.why == "15 of 16 are free, 2 x 8 needed"
    assert caught.value.next.endswith("sysctl -w fs.inotify.max_user_instances=1040")


def test_mounts_are_found_deepest_first() -> None:
    """What is mounted below our directory is unmounted before anything is deleted; neighbours are not ours."""
    mounts = (
        "a /s/podman ext4 rw 0 0\nb /s/podman/x/y overlay rw 0 0\nc /s/podman2 ext4 rw 0 0\nd / ext4 rw 0 0\n"
    )
    assert mounts_below(Path("/s/podman"), mounts) == ("/s/podman/x/y", "/s/podman")


def test_programs_are_run_for_real() -> None:
    """Output, exit code, time limit, lines as they come, and a program that is not there."""
    assert run(("cat",), stdin="x").stdout == "x"
    assert run(("sh", "-c", "echo no >&2; exit 3")).tail() == "no"
    assert run(("sleep", "5"), timeout_seconds=0.1).code == 124
    lines: list[str] = []
    assert run(("sh", "-c", "echo a >&2; echo b >&2; exit 2"), on_line=lines.append).code == 2
    assert lines == ["a", "b"]
    with pytest.raises(SandboxError, match="is not installed"):
        run(("no-such-program-here",))
