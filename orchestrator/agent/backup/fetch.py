"""A backup's own files, out of a repository and onto this host again: what drills and restores begin with."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import space
from orchestrator.agent.backup import dumps, postgres_dump
from orchestrator.agent.backup.restic import Repository, Snapshot
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError

NEWEST = "latest"


def snapshot(repository: Repository, wanted: str) -> Snapshot:
    """The snapshot that is meant; the newest by default.

    Raises: BackupFailed: there is none. UsageError: there is no such one.
    """
    found = repository.snapshots()
    if not found:
        raise BackupFailed(f"there is no backup yet ({repository.name})", next="vpsdeploy backup now")
    if wanted in ("", NEWEST):
        return found[-1]
    fits = [one for one in found if one.id.startswith(wanted[:8])]
    if len(fits) != 1:
        raise UsageError(
            f"there is no backup {wanted[:20]!r} at {repository.name}", why=f"the newest are "
            f"{', '.join(one.id for one in found[-5:])}", state="nothing was touched", next="vpsdeploy backup list",
        )  # fmt: skip
    return fits[0]


@contextlib.contextmanager
def place(path: Path, needed_bytes: int) -> Iterator[Path]:
    """An empty directory of root's, gone afterwards.

    Raises: HostNotReady: there is no room.
    """
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, parents=True)
    try:
        space.require(path, needed_bytes, 1000)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def room(call: Call, dumped: Dumped) -> None:
    """See whether a dump fits onto the disk once more as a database: a full one would stop the app's own.

    Raises: HostNotReady: it does not.
    """
    space.require(call.layout.state, max(int(dumped.about.get("size_bytes") or 0), dumped.bytes), 1000)


def staged(call: Call, into: Path) -> Path:
    """Where the dumps and the manifest of a restored snapshot are."""
    return into / str(call.app.staging).lstrip("/")


def manifest(call: Call, repository: Repository, one: Snapshot, into: Path) -> dict[str, Any]:
    """A snapshot's manifest alone.

    Raises: BackupFailed: it has none.
    """
    repository.restore(one.id, str(into), [f"{call.app.staging}/{dumps.MANIFEST}"])
    return dumps.read(staged(call, into))


def check_file(directory: Path, dumped: Dumped) -> Path:
    """A dump as it came back.

    Raises: BackupFailed: it is not the one that was stored.
    """
    path = directory / dumped.file
    if not path.is_file():
        raise BackupFailed("a dump is not in the backup", why=dumped.file)
    if (found := postgres_dump.digest(path)) != dumped.sha256:
        raise BackupFailed(
            "a dump came back as another", why=f"{dumped.file}: SHA-256 {found}, not {dumped.sha256}"
        )
    return path
