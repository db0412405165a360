"""Changes on disk that are whole or absent, also after a power loss."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


def write(
    path: Path, content: bytes, mode: int = 0o644, *, sync: bool = True, group: int | None = None
) -> None:
    """Replace a file at once; it has its group from its begin. Without `sync` the caller owes a sync_filesystems()."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(
            os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
        ) as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    if sync:
        sync_directory(path.parent)


@contextlib.contextmanager
def beside(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file that takes the place of another one when the block ends well, and is gone otherwise. Not synced."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(partial, flags, mode), "wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any, mode: int = 0o600) -> None:
    """Replace a JSON file at once."""
    write(path, json.dumps(content, separators=(",", ":")).encode() + b"\n", mode)


def read_json(path: Path) -> Any:
    """The content of a JSON file; None where there is none."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def link(path: Path, target: str, *, sync: bool = True) -> None:
    """Make a symbolic link, or point it elsewhere, at once."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)
    if sync:
        sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good; not an error where there is none."""
    if path.is_symlink() or path.exists():
        path.unlink()
        sync_directory(path.parent)


def remove_tree(path: Path) -> None:
    """Remove a directory under another name first: nobody ever sees half of it under its own."""
    if not path.exists():
        return
    doomed = path if path.name.startswith(".") else path.with_name(f".{path.name}.removed")
    if doomed != path:
        shutil.rmtree(doomed, ignore_errors=True)
        path.replace(doomed)
    shutil.rmtree(doomed)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystems(*paths: Path) -> None:
    """Make everything written so far durable on the file systems of some paths.

    One call for thousands of files: an fsync for each would cost a journal commit each.
    """
    by_device = {path.stat().st_dev: str(path) for path in paths}
    subprocess.run(["sync", "--file-system", *by_device.values()], check=True)
