"""Places in a project that one command works in while another one runs beside it: two terminals, two jobs of a CI.

What holds a place dies with its process: the kernel gives it back whatever kills us.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from orchestrator.errors import ProjectError


@contextmanager
def claimed(work_dir: Path) -> Iterator[None]:
    """The place where a project is built, from the build until what was built is sent or written.

    Raises: ProjectError: another command has it.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / "lock").open("w") as file:
        if not _take(file):
            raise ProjectError(
                "another build of this project is running",
                why=f"{work_dir / 'lock'} is held: it is being built, or what was built is being sent",
                state="nothing was touched",
                next="wait until it has ended, then try again",
            )
        yield


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A directory of this command alone, gone afterwards; what killed commands have left of the name is removed.

    Args:
        parent: Made where it is not there.
        name: Of the directories: <name>-<something>.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / f"{name}.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        for left in parent.glob(f"{name}-*"):
            _remove_if_left(left)
        own = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        held = (own / "lock").open("w")
        _take(held)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        held.close()


def _remove_if_left(path: Path) -> None:
    try:
        with (path / "lock").open("w") as file:
            if _take(file):
                shutil.rmtree(path, ignore_errors=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
