"""Beginnings of files whose transfer broke off: a large file goes on where it stopped.

They stand in the directory of the transfer that took them. Whose transfer is gone, that directory is moved out of; one
that is only stuck (its controller lost the network) keeps its own, and what it has is copied. Nothing of it is trusted:
the whole file has to have its digest in the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent.layout import AppLayout
from orchestrator.agent.request import STORED

WORTH_BYTES = 1 << 20
"""Below this a file is sent anew: it costs less than to keep account of it (our choice)."""

_TRANSFERS = "receive-*"


def sizes(app: AppLayout) -> dict[str, int]:
    """How much of each file is here."""
    found: dict[str, int] = {}
    for path in _all(app):
        size = path.stat().st_size
        if size >= WORTH_BYTES:
            found[path.name] = max(size, found.get(path.name, 0))
    return found


def take(app: AppLayout, name: str, size: int, target: Path) -> bool:
    """Put the first `size` bytes of a part into `target`. Returns: whether there are so many."""
    for path in _all(app):
        if path.name == name and path.stat().st_size >= size:
            if path.parent == app.parts:
                path.replace(target)
            else:
                shutil.copyfile(path, target)
            os.truncate(target, size)
            return True
    return False


def keep(app: AppLayout, beside: Path) -> None:
    """Keep what has arrived of a file, if it is worth it."""
    if beside.is_file() and beside.stat().st_size >= WORTH_BYTES:
        app.parts.mkdir(mode=0o700, exist_ok=True)
        beside.replace(app.parts / beside.name)


@contextlib.contextmanager
def transfer(app: AppLayout) -> Iterator[Path]:
    """A directory for files that are not whole yet."""
    app.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    collect(app)
    directory = app.incoming / f"receive-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    with _locked(directory, wait=True):
        try:
            yield directory
        finally:
            _empty(app, directory)


def collect(app: AppLayout) -> None:
    """Keep the parts of transfers whose process is gone: nobody holds their lock any more."""
    for directory in app.incoming.glob(_TRANSFERS):
        with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(directory):
            _empty(app, directory)


def forget(app: AppLayout) -> None:
    """Remove the parts that nobody came back for."""
    shutil.rmtree(app.parts, ignore_errors=True)


def _all(app: AppLayout) -> Iterator[Path]:
    for directory in (app.parts, *app.incoming.glob(_TRANSFERS)):
        if directory.is_dir():
            yield from (path for path in directory.iterdir() if STORED.fullmatch(path.name))


def _empty(app: AppLayout, directory: Path) -> None:
    for path in directory.iterdir():
        keep(app, path)
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked(directory: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a transfer's directory. Raises: BlockingIOError: its process is at work, and we do not wait."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
