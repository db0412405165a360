"""A database as a file of its own, handed out and taken in again, in the format of its kind's own programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent.backup import fetch, mariadb_file, mongodb_file, postgres_file, services, state
from orchestrator.agent.backup.engines import ENGINES
from orchestrator.agent.backup.services import MARIADB, MONGODB, POSTGRESQL, Dumped, Service
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, UsageError

_READ_BYTES = 1 << 18


class Format(NamedTuple):
    """How a kind of database is a file.

    Attributes:
        size: Of the database, in bytes.
        write: Dump it, and read the dump to its end.
        read: What is known of a file that somebody brought; an error where it is no dump. None: nobody loads one.
    """

    size: Callable[[Call, Service], int]
    write: Callable[[Call, Service, Path], None]
    read: Callable[[Call, Service, Path], Dumped] | None


FORMATS: Mapping[str, Format] = {
    POSTGRESQL: Format(postgres_file.size, postgres_file.write, postgres_file.read),
    MARIADB: Format(mariadb_file.size, mariadb_file.write, mariadb_file.read),
    MONGODB: Format(mongodb_file.size, mongodb_file.write, None),
}
"""By the kind that a service's file names."""


def taken(call: Call) -> Iterator[bytes]:
    """The database's dump, once it was read to its end on the host.

    Raises: HostNotReady: there is no such database of the app. LockHeld: a backup is running.
    """
    service = _service(call)
    form = FORMATS[service.kind]
    with state.alone(call, "a dump"), fetch.place(call.app.restored, form.size(call, service)) as place:
        path = place / "dump"
        form.write(call, service, path)
        with path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                yield part


def put(call: Call, body: Body) -> dict[str, Any]:
    """Load a dump into the database, or with `into` into another one.

    Raises: UsageError: it is no dump, of a newer server, or the database is in use; nothing was touched.
    """
    service = _service(call)
    read = FORMATS[service.kind].read
    if read is None:
        raise UsageError(
            f"{service.kind} is loaded on its host", why="from elsewhere it is only dumped",
            state="nothing was touched", next=f"docs/{service.kind}.md has the command",
        )  # fmt: skip
    engine = ENGINES[service.kind]
    with state.alone(call, "a load"), fetch.place(call.app.restored, 0) as place:
        path = place / "dump"
        with path.open("wb") as file:
            while part := body.read(_READ_BYTES):
                file.write(part)
        dumped = read(call, service, path)
        fetch.room(call, dumped)
        engine.refuse(call, dumped)
        done: dict[str, Any] = {"restored": [], "kept": []}
        engine.restore(call, dumped, path, done)
    call.record("db load", old=None, new=None, result="done", restored=done["restored"])
    return done


def _service(call: Call) -> Service:
    """The database that is meant: of the kind `service`, or the only one.

    Raises: HostNotReady: there is none. UsageError: there are several.
    """
    wanted = call.request.text("service", "")
    found = [one for one in services.every(call) if one.kind in FORMATS and wanted in ("", one.kind)]
    if not found:
        raise HostNotReady(
            f"this host runs no {wanted or 'database'} for the app",
            why=f"no file of {call.layout.services} names one",
            state="nothing was touched", next="vpsdeploy provision host",
        )  # fmt: skip
    if len(found) > 1:
        raise UsageError(
            "which database?", why=", ".join(one.kind for one in found), state="nothing was touched"
        )
    return found[0]
