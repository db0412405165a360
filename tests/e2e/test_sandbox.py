"""The sandbox itself, on real containers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.sandbox.lifecycle import Lifecycle
from orchestrator.sandbox.machine import Machine
from orchestrator.sandbox.process import Result, run
from orchestrator.sandbox.spec import SandboxSpec, SandboxStatus
from orchestrator.sandbox.state import StateDir
from orchestrator.workflows import sandbox

pytestmark = pytest.mark.sandbox

# The process's number: two runs of the tests on one machine do not meet.
NAME = f"e2e-sandbox-{os.getpid()}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project directory."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def status(project: Path) -> Iterator[SandboxStatus]:
    """Two hosts, one of them with a small file system."""
    yield sandbox.up(SandboxSpec(NAME, hosts=2, tmpfs={"/small": "16m"}), project)
    sandbox.down(NAME)


def ssh(status: SandboxStatus, host: int, command: str) -> Result:
    """Log in as anybody would, with strict host keys and nothing else trusted."""
    trust = (
        f"UserKnownHostsFile={status.known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
    )
    options = (*trust, "IdentitiesOnly=yes", "BatchMode=yes")
    flags = [part for option in options for part in ("-o", option)]
    return run(
        (
            "ssh",
            "-F",
            "none",
            *flags,
            "-i",
            str(status.key_file),
            f"root@{status.hosts[host].address}",
            command,
        )
    )


def boot_ids(status: SandboxStatus) -> list[str]:
    """When each host's PID 1 started, in the kernel's ticks."""
    command = "cut -d' ' -f22 /proc/1/stat"
    return [sandbox.run(status.name, host.name, ("sh", "-c", command)).stdout for host in status.hosts]


def test_ssh_in_with_the_known_host_keys(status: SandboxStatus) -> None:
    """Every host has booted, lets our key in, and has host keys and a machine id of its own."""
    answers = [ssh(status, n, "hostname; systemctl is-system-running; cat /etc/machine-id") for n in (0, 1)]
    assert [answer.stdout.splitlines()[:2] for answer in answers] == [
        ["web-1", "running"],
        ["web-2", "running"],
    ]
    assert answers[0].stdout.splitlines()[2] != answers[1].stdout.splitlines()[2]
    keys = [line.split()[2] for line in status.known_hosts.read_text().splitlines()[1:]]
    assert len(keys) == len(set(keys)) == 6


def test_the_machines_kernel_is_out_of_reach(status: SandboxStatus) -> None:
    """Kernel settings are read-only but the network's, and no disk of the machine is in /dev."""
    assert not sandbox.run(NAME, "web-1", ("sh", "-c", "echo 60 > /proc/sys/vm/swappiness")).ok
    assert sandbox.run(NAME, "web-1", ("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")).ok
    assert sandbox.run(NAME, "web-1", ("find", "/dev", "-xdev", "-type", "b")).stdout == ""


def test_hosts_reach_each_other_and_the_mirrors(status: SandboxStatus) -> None:
    """The network between hosts works, and so does apt, names included."""
    probe = f"exec 3<>/dev/tcp/{status.hosts[1].address}/22 && head -c 4 <&3"
    assert sandbox.run(NAME, "web-1", ("bash", "-c", probe)).stdout == "SSH-"
    updated = sandbox.run(NAME, "web-1", ("apt-get", "update", "--error-on=any"), timeout_seconds=120)
    assert updated.ok, updated.tail()


def test_a_small_file_system_fills_up(status: SandboxStatus) -> None:
    """spec.tmpfs gives a path that is full soon."""
    filled = ssh(status, 0, "dd if=/dev/zero of=/small/file bs=1M count=32")
    assert "No space left on device" in filled.stderr


def test_up_again_changes_nothing(status: SandboxStatus, project: Path) -> None:
    """The same hosts, not restarted, the same files; also when fewer are asked for."""
    before = boot_ids(status), status.inventory.stat().st_mtime_ns
    assert sandbox.up(SandboxSpec(NAME, hosts=1), project) == status
    assert (boot_ids(status), status.inventory.stat().st_mtime_ns) == before


def test_a_power_cycle_keeps_the_host(status: SandboxStatus, project: Path) -> None:
    """After a cut of the power, and after a shutdown that `up` repairs: same address, same keys, same disk."""
    assert ssh(status, 1, "echo kept > /root/file").ok
    sandbox.power_off(NAME, "web-2", hard=True)
    assert [host.state for host in sandbox.status(NAME).hosts] == ["running", "stopped"]
    sandbox.power_on(NAME, "web-2")
    assert ssh(status, 1, "cat /root/file").stdout == "kept\n"
    sandbox.power_off(NAME, "web-2")
    assert sandbox.up(SandboxSpec(NAME), project) == status
    assert ssh(status, 1, "cat /root/file; systemctl is-system-running").stdout == "kept\nrunning\n"


def test_unknown_names_are_told(status: SandboxStatus) -> None:
    """A host or a sandbox that does not exist is a usage error."""
    with pytest.raises(UsageError, match="has no host web-9"):
        sandbox.power_off(NAME, "web-9")
    with pytest.raises(UsageError, match="there is no sandbox"):
        sandbox.status("none-of-that-name")


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2, 2.0])
def test_killed_in_the_middle_then_down_leaves_nothing(
    status: SandboxStatus, project: Path, seconds: float
) -> None:
    """SIGKILL at any moment of `up`; `down` then removes hosts, network, key, record and stage, and nobody else's."""
    name = f"{NAME}-k"
    program = (
        "from pathlib import Path; from orchestrator.workflows import sandbox; "
        "from orchestrator.sandbox.spec import SandboxSpec; "
        f"sandbox.up(SandboxSpec({name!r}, hosts=2), Path({str(project)!r}))"
    )
    process = subprocess.Popen((sys.executable, "-c", program))
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sandbox.down(name)
    machine = Machine()
    machine.prepare()
    assert machine.podman.containers(name) == ()
    assert not machine.podman.call("network", "exists", f"vpsdeploy-{name}").ok
    assert not machine.state.sandbox(name).exists()
    assert not (project / "inventories" / name).exists()
    assert sandbox.status(NAME) == status


def test_down_all_leaves_nothing_and_no_foreign_thing_is_seen(tmp_path: Path) -> None:
    """In a state directory of its own: images, storage, namespace and mounts go; another's containers do not."""
    others, own = StateDir(tmp_path / "others", tmp_path / "r1"), StateDir(tmp_path / "own", tmp_path / "r2")
    machines = [Machine(run, state) for state in (others, own)]
    tar = tmp_path / "empty.tar"
    subprocess.run(("tar", "--create", "--file", tar, "--files-from", "/dev/null"), check=True)
    for machine in machines:
        machine.prepare()
        machine.podman.must("import", "import", str(tar), "localhost/test:1")
        machine.podman.must(
            "create", "create", "--network", "none", "--name", "foreign", "localhost/test:1", "/x"
        )
    try:
        assert Lifecycle(machines[1]).down_all(sandbox.quiet)
        assert not own.root.exists()
        assert str(tmp_path / "own") not in Path("/proc/self/mounts").read_text()
        assert str(tmp_path / "r2") not in Path("/proc/self/mounts").read_text()
        assert machines[0].podman.call("container", "exists", "foreign").ok
        assert not Lifecycle(machines[1]).down_all(sandbox.quiet)
    finally:
        Lifecycle(machines[0]).down_all(sandbox.quiet)
