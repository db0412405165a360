"""NATS JetStream: each stream with its consumers, as the server's own snapshot has it while it runs on.

Source: nats-server, jetstream_api.go, STREAM.SNAPSHOT and STREAM.RESTORE; the same in 2.9 and 2.10.
"""

from __future__ import annotations

import contextlib
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, nats, space
from orchestrator.agent import services as carried
from orchestrator.agent.backup.postgres_dump import digest
from orchestrator.agent.backup.services import NATS, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.nats_connection import Connection, Refused

INDEX = "streams.json"
_CHUNK_BYTES = 1 << 17
_IN_MEMORY = "memory"
_END = "204"
"""What 2.10 says with the empty message that ends a snapshot, where it is whole; 2.9 says nothing with it."""


@contextlib.contextmanager
def server(call: Call) -> Iterator[Connection]:
    """The host's, as its administrator.

    Raises: HostNotReady: it does not answer. BackupFailed: it does not do what it is asked.
    """
    with contextlib.closing(nats.connected(call, carried.one(call, NATS))) as connection:
        try:
            yield connection
        except (Refused, OSError, ValueError) as error:
            raise BackupFailed("NATS does not do what it is asked", why=str(error)) from None


def dump(call: Call, _: Service, directory: Path) -> Dumped:
    """Take every stream that is kept on the disk.

    Raises: BackupFailed: nothing that could be restored was written. HostNotReady: there is no room for it.
    """
    file = f"{NATS}/streams.tar"
    path = directory / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with server(call) as connection:
        return write(connection, path)._replace(file=file)


def write(connection: Connection, path: Path) -> Dumped:
    """All streams into one file of root's: an index, and a snapshot for each.

    Raises: Refused, OSError. HostNotReady: there is no room for it.
    """
    at, found = time.time(), streams(connection)
    sizes = [int(one["state"]["bytes"]) for one in found]
    space.require(path.parent, sum(sizes) + max(sizes, default=0), 16)
    path.touch(mode=0o600)
    index, beside = [], path.with_name("one.snapshot")
    with tarfile.open(path, "w") as packed:
        for number, one in enumerate(found):
            name = one["config"]["name"]
            if one["config"].get("storage") == _IN_MEMORY:
                continue
            told = _snapshot(connection, name, beside)
            packed.add(beside, f"{number}.snapshot")
            index.append({"name": name, "file": f"{number}.snapshot", **told})
        durable.write_json(beside, {"streams": index})
        packed.add(beside, INDEX)
    beside.unlink()
    version = str(connection.info.get("version", ""))
    rows = {one["name"]: int(one["state"]["messages"]) for one in index}
    left_out = [one["config"]["name"] for one in found if one["config"].get("storage") == _IN_MEMORY]
    about = {"version": version, "version_number": version_number(version), "in_memory": left_out}
    return Dumped(NATS, NATS, path.name, path.stat().st_size, digest(path), at, rows, about)


def streams(connection: Connection) -> list[dict[str, Any]]:
    """Every stream's `config` and `state`; the server tells them in pages. Raises: Refused, OSError."""
    found: list[dict[str, Any]] = []
    while True:
        page = connection.asked("STREAM.LIST", offset=len(found))
        found += page.get("streams") or []
        if len(found) >= int(page["total"]) or not page.get("streams"):
            return found


def version_number(version: str) -> int:
    """2010 of 2.10.27: what a format belongs to."""
    parts = [int(part) for part in version.split(".")[:2] if part.isdecimal()]
    return parts[0] * 1000 + parts[1] if len(parts) > 1 else 0


def index_of(path: Path) -> list[dict[str, Any]]:
    """What a dump has: `name`, `file`, `config` and `state` of each stream.

    Raises: BackupFailed: it is damaged.
    """
    try:
        with tarfile.open(path) as packed:
            members = packed.getnames()
            told = packed.extractfile(INDEX)
            found: list[dict[str, Any]] = json.load(told)["streams"] if told else []
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        raise BackupFailed("the dump is damaged", why=f"{path.name}: {error}") from None
    if lacking := [one["name"] for one in found if one["file"] not in members]:
        raise BackupFailed("the dump is damaged", why=f"{path.name} lacks {', '.join(lacking)}")
    return found


def load(connection: Connection, path: Path, one: dict[str, Any]) -> dict[str, Any]:
    """Have the server make a stream of its snapshot. Returns: the new stream's state.

    Raises: Refused: it is there, or the snapshot is none. OSError.
    """
    answer = connection.asked(f"STREAM.RESTORE.{one['name']}", config=one["config"], state=one["state"])
    to = answer["deliver_subject"]
    with tarfile.open(path) as packed:
        source = packed.extractfile(one["file"])
        while source and (chunk := source.read(_CHUNK_BYTES)):
            if told := connection.ask(to, chunk):
                _checked(told)
    made: dict[str, Any] = _checked(connection.ask(to))["state"]
    return made


def _snapshot(connection: Connection, name: str, path: Path) -> dict[str, Any]:
    """Write a stream's snapshot to a file. Returns: `config` and `state`, of the moment when it began."""
    inbox = connection.inbox()
    told = connection.asked(f"STREAM.SNAPSHOT.{name}", deliver_subject=inbox, chunk_size=_CHUNK_BYTES)
    with path.open("wb") as file:
        while message := connection.next():
            if message.subject != inbox:
                continue
            if message.status and not message.status.startswith(_END):
                raise Refused(f"{name}: {message.status}")
            if not message.payload:
                break
            file.write(message.payload)
            if message.reply:
                connection.tell(message.reply)
    return {"config": told["config"], "state": told["state"]}


def _checked(told: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(told)
    if error := answer.get("error"):
        raise Refused(str(error.get("description") or error))
    return answer
