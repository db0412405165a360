"""Make one path what it should be: atomically, and so that it is still so after a power loss."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ansible.module_utils.vpsdeploy import entries
from ansible.module_utils.vpsdeploy.entries import Entry
from ansible.module_utils.vpsdeploy.host import HostError

_SUFFIX = ".new~"
"""No `include *.conf`, no systemd and no sudo reads a name that ends so."""


def put(path: Path, entry: Entry) -> None:
    """Make a path what the entry says.

    Raises: HostError: something of another kind is in the way and may hold somebody's work.
    """
    current = entries.read(path)
    if (current.kind == "directory") != (entry.kind == "directory") and "absent" not in (
        current.kind,
        entry.kind,
    ):
        raise HostError(
            f"{path} is a {current.kind}, a {entry.kind} is to be there: move it away, then run again"
        )
    if entry.kind == "absent":
        _remove(path, current)
    elif entry.kind == "directory":
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, entry.uid, entry.gid)
        path.chmod(entry.mode)
    else:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = _link(path, entry.target) if entry.kind == "link" else _write(path, entry)
        fresh.replace(path)
        _sync_directory(path.parent)


def _remove(path: Path, current: Entry) -> None:
    if current.kind == "directory":
        path.rmdir()
    elif current.kind != "absent":
        path.unlink()


def _write(path: Path, entry: Entry) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(entry.content)
            os.fchown(handle, entry.uid, entry.gid)
            os.fchmod(handle, entry.mode)
            stream.flush()
            os.fsync(handle)
    except OSError:  # a full disk: leave nothing behind
        Path(name).unlink()
        raise
    return Path(name)


def _link(path: Path, target: str) -> Path:
    fresh = path.with_name(f".{path.name}{_SUFFIX}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    return fresh


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
