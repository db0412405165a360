"""The private directory of a run is for its owner, and gone afterwards."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import HostNotReady
from orchestrator.transport import ansible_private


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_it_is_private_and_goes() -> None:
    """Mode 0700 while it lives; nothing is left."""
    with ansible_private.run_dir() as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        (path / "variables.json").write_text("x")
    assert not path.exists()
    assert list(ansible_private.base_dir().iterdir()) == []


def test_it_goes_after_ctrl_c() -> None:
    """An interrupt leaves nothing."""
    with pytest.raises(KeyboardInterrupt), ansible_private.run_dir() as path:
        raise KeyboardInterrupt
    assert not path.exists()


def test_a_killed_runs_directory_is_swept_by_the_next() -> None:
    """A process that was killed cannot clean up: the next run does."""
    code = (
        "import os, signal\nfrom orchestrator.transport import ansible_private\n"
        "with ansible_private.run_dir() as path:\n"
        "    print(path, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = Path(died.stdout.strip())
    assert left.is_dir()
    with ansible_private.run_dir():
        assert not left.exists()


def test_a_living_runs_directory_stays() -> None:
    """Two runs at once do not touch each other."""
    with ansible_private.run_dir() as first, ansible_private.run_dir() as second:
        assert first != second
        assert first.is_dir()


def test_somebody_elses_directory_is_refused(runtime: Path) -> None:
    """A directory that others may enter, or a link, is not used."""
    base = runtime / f"vpsdeploy-{os.getuid()}"
    base.mkdir(mode=0o755)
    with pytest.raises(HostNotReady, match="not safe"):
        ansible_private.base_dir()
    base.rmdir()
    base.symlink_to(runtime)
    with pytest.raises(HostNotReady, match="not safe"):
        ansible_private.base_dir()


def test_processes_of_a_run_end_with_it() -> None:
    """A process that works with the directory is gone when the directory is."""
    with ansible_private.run_dir() as path:
        code = "import time; print('runs', flush=True); time.sleep(60)"
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
        # Popen returns while the kernel may not have put the new arguments in place: /proc shows none until then.
        assert process.stdout
        assert process.stdout.readline() == "runs\n"
        process.stdout.close()
    assert process.wait(timeout=10) == -signal.SIGKILL
