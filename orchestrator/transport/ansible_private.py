"""The private directory of one run: on tmpfs, for its owner only, gone when the run is over.

Ansible leaves variables, events and SSH sockets on the way; none of them may outlive the run. A run that was
killed is recognised by its lock, which the kernel gave back, and is swept by the next run.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import HostNotReady
from orchestrator.transport import mounts

_PREFIX = "run-"
_KILL_PASSES = 100
_KILL_PAUSE = 0.01
"""Seconds between two passes (our choice): a process that was killed is gone within a few milliseconds."""


def base_dir() -> Path:
    """The directory of all runs of this user, made where it is missing.

    Raises: HostNotReady: somebody else owns it; where all may write, that would be an attack.
    """
    path = _memory_dir() / f"vpsdeploy-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
        raise HostNotReady(
            "the directory for private files is not safe",
            why=f"{path} is not a directory with mode 0700 of user {os.getuid()}",
            state="nothing was changed",
            next=f"look who made {path}, then remove it",
        )
    return path


def _memory_dir() -> Path:
    """Memory first: what never reached a disk need not be wiped from it. What a person has set is taken as it is."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if own and _usable(own):
        return Path(own)
    usable = [Path(one) for one in (f"/run/user/{os.getuid()}", "/run", "/dev/shm") if _usable(one)]  # noqa: S108 - base_dir() checks the owner
    return next(filter(mounts.in_memory, usable), next(iter(usable), Path(tempfile.gettempdir())))


def _usable(path: str) -> bool:
    return Path(path).is_dir() and os.access(path, os.W_OK | os.X_OK)


@contextlib.contextmanager
def run_dir() -> Iterator[Path]:
    """A new private directory; deleted at the end whatever happens."""
    base = base_dir()
    with _locked(base):
        _sweep(base)
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        _remove(path)
        os.close(held)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the base while a run appears or is swept: a directory is not locked yet when it is made."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(base: Path) -> None:
    """Delete the directories of runs that have died."""
    for path in base.glob(f"{_PREFIX}*"):
        if _is_abandoned(path):
            _remove(path)


def _remove(path: Path) -> None:
    """End what still works with the directory, then delete it.

    Ansible's workers are sessions of their own: they outlive a killed Ansible until their task is done. Every
    process of a run names the run's directory in its arguments, and no other process does: the name is random.
    One that was forked behind our back is found by the next pass; the last pass finds none.
    """
    for _ in range(_KILL_PASSES):
        if not _kill_all(path):
            break
        time.sleep(_KILL_PAUSE)
    shutil.rmtree(path, ignore_errors=True)


def _kill_all(path: Path) -> bool:
    """Kill every process that names the directory; whether there was one."""
    found = False
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) != os.getpid() and _names(process, path):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(process.name), signal.SIGKILL)
                found = True
    return found


def _names(process: Path, path: Path) -> bool:
    try:
        return os.fsencode(path) in (process / "cmdline").read_bytes()
    except OSError:
        return False


def _is_abandoned(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
