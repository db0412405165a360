"""A hook on this machine: its output, its end, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.errors import ReleaseFailed
from orchestrator.project import hook
from orchestrator.secret import KEY_COMMAND_VARIABLE, KEY_VARIABLE


def run(command: str, tmp_path: Path, timeout_seconds: float = 20, **env: str) -> list[str]:
    """Run it; its output."""
    lines: list[str] = []
    hook.run(command, cwd=tmp_path, env=env, timeout_seconds=timeout_seconds, log=lines.append)
    return lines


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_hook_runs_in_the_project_with_its_variables(tmp_path: Path) -> None:
    """In a shell; both streams are shown, line by line."""
    script = 'pwd; echo "$VPSDEPLOY_RELEASE" >&2; test -n "$PATH"'
    assert run(script, tmp_path, VPSDEPLOY_RELEASE="r1") == [str(tmp_path), "r1"]


def test_a_hook_has_no_use_for_the_key_of_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the rest of our environment."""
    for name in (KEY_VARIABLE, KEY_COMMAND_VARIABLE, "ANOTHER"):
        monkeypatch.setenv(name, "hunter2")
    assert run("env | grep hunter2", tmp_path) == ["ANOTHER=hunter2"]


def test_a_hook_that_fails_says_how_and_shows_its_tail(tmp_path: Path) -> None:
    """The exit code, and the last lines only."""
    with pytest.raises(ReleaseFailed) as caught:
        run("seq 100; exit 7", tmp_path)
    first, *tail = caught.value.why.splitlines()
    assert first == "seq 100; exit 7: it ended with exit code 7; its last lines:"
    assert tail == [str(n) for n in range(81, 101)]


def test_a_hook_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """Also what ignores the polite signal, and what left its process group and its parent."""
    (tmp_path / "stubborn.sh").write_text("trap '' TERM\necho $$ > stubborn\nwhile :; do sleep 0.1; done\n")
    (tmp_path / "far.sh").write_text("echo $$ > far\nsleep 100\n")
    script = "sh stubborn.sh & setsid -f sh far.sh; sleep 100"
    with pytest.raises(ReleaseFailed) as caught:
        run(script, tmp_path, timeout_seconds=1)
    assert "it did not end within 1 s and was ended" in caught.value.why
    for name in ("stubborn", "far"):
        assert not is_running(int((tmp_path / name).read_text()))


def test_what_a_hook_leaves_in_the_background_is_ended_with_it(tmp_path: Path) -> None:
    """It would hold our pipe open, and nobody would ever end it."""
    begin = time.monotonic()
    assert run("sleep 100 & echo $! > pid; echo done", tmp_path) == ["done"]
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert time.monotonic() - begin < 60  # not the 100 of the sleep


def test_a_line_without_an_end_comes_in_parts(tmp_path: Path) -> None:
    """Memory is bounded, whatever a hook writes."""
    lines = run("head -c 10000 /dev/zero | tr '\\0' x", tmp_path)
    assert [len(line) for line in lines] == [4096, 4096, 1808]


def test_an_interruption_ends_the_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it runs leaves nothing behind."""
    pids: list[int] = []

    def interrupted(self: subprocess.Popen[str], timeout: float | None = None) -> int:
        if timeout is None:
            return original(self)
        pids.append(self.pid)
        raise KeyboardInterrupt

    original = subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("sleep 100", tmp_path)
    assert not is_running(pids[0])
    assert os.getpid() != pids[0]
