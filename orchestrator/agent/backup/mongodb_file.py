"""A database of MongoDB as a file of its own: mongodump's archive, compressed. docs/mongodb.md: never run for real."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from orchestrator.agent import mongodb, programs
from orchestrator.agent import services as carried
from orchestrator.agent.backup.services import MONGODB, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

_MAGIC = bytes.fromhex("6de29981")
"""Source: mongodb/mongo-tools, common/archive/archive.go, MagicNumber (0x8199e26d, its lowest byte first)."""

_READ_BYTES = 1 << 18
_MOST_WHY = 500


def size(call: Call, _: Service) -> int:
    """Of the database as it lies on the disk, in bytes: what mongodump writes is compressed, too."""
    return int(mongodb.health(call, carried.one(call, MONGODB))["data_bytes"])


def write(call: Call, service: Service, path: Path) -> None:
    """Dump it, and read the dump to its end.

    Raises: BackupFailed: it is not whole.
    """
    login = mongodb.for_tools(call, carried.one(call, MONGODB))
    command = [
        "mongodump",
        "--quiet",
        f"--config={login}",
        f"--db={service.database}",
        "--gzip",
        f"--archive={path}",
    ]
    done = programs.run(command)
    if done.code != 0:
        why = (done.errors.strip() or done.output.strip() or "it said nothing")[-_MOST_WHY:]
        raise BackupFailed("mongodump failed", why=why.replace(mongodb.admin(call), "[redacted]"))
    _held(path)


def _held(path: Path) -> None:
    """Read it to its end: its checksum stands there."""
    try:
        with gzip.open(path) as archive:
            begin = archive.read(len(_MAGIC))
            while archive.read(_READ_BYTES):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise BackupFailed("the dump is not whole", why=f"{type(error).__name__}: {error}") from None
    if begin != _MAGIC:
        raise BackupFailed(
            "the dump is no archive of mongodump's", why=f"it begins with {begin.hex() or 'nothing'}"
        )
