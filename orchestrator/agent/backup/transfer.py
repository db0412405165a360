"""A database as a file of its own, handed out and taken in again, in the format that every pg_restore reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import fetch, postgres_dump, restore_database, services, state
from orchestrator.agent.backup.postgres import Cluster, sql
from orchestrator.agent.backup.services import POSTGRESQL, Dumped, Service
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, UsageError

_READ_BYTES = 1 << 18
_VERSION = re.compile(r"^;\s+Dumped from database version: (\d+)", re.MULTILINE)

_LIKE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname IN (%L, 'template0')
ORDER BY datname = 'template0'"""
"""As the database is that is there; as the server makes them where there is none."""


def taken(call: Call) -> Iterator[bytes]:
    """The database's dump, once it was read to its end on the host.

    Raises: HostNotReady: there is no PostgreSQL for the app. LockHeld: a backup is running.
    """
    service = _service(call)
    cluster = Cluster(call, service.port)
    size = cluster.one("postgres", sql("SELECT pg_database_size(%L)", service.database))
    with state.alone(call, "a dump"), fetch.place(call.app.restored, int(size)) as place:
        path = place / "dump"
        cluster.write(["pg_dump", "--format=custom", f"--dbname={service.database}"], path)
        postgres_dump.verify(call, path, 0)
        with path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                yield part


def put(call: Call, body: Body) -> dict[str, Any]:
    """Load a dump into the database, or with `into` into another one.

    Raises: UsageError: it is no dump, of a newer server, or the database is in use; nothing was touched.
    """
    service = _service(call)
    with state.alone(call, "a load"), fetch.place(call.app.restored, 0) as place:
        path = place / "dump"
        with path.open("wb") as file:
            while part := body.read(_READ_BYTES):
                file.write(part)
        dumped = _dumped(call, service, path)
        restore_database.refuse(call, dumped)
        done: dict[str, Any] = {"restored": [], "kept": []}
        restore_database.database(call, dumped, path, done)
    call.record("db load", old=None, new=None, result="done", restored=done["restored"])
    return done


def _service(call: Call) -> Service:
    found = next((one for one in services.of(call) if one.kind == POSTGRESQL), None)
    if found is None:
        raise HostNotReady(
            "this host runs no PostgreSQL for the app", why=f"no file of {call.layout.services} names one",
            state="nothing was touched", next="vpsdeploy provision host",
        )  # fmt: skip
    return found


def _dumped(call: Call, service: Service, path: Path) -> Dumped:
    """What is known of a file that somebody brought; its rows are not."""
    listed = call.systemd.program(["pg_restore", "--list", str(path)])
    version = _VERSION.search(listed.output)
    if listed.code != 0 or version is None:
        raise UsageError(
            "the file is no dump of PostgreSQL", why=listed.errors.strip()[-300:] or "pg_restore cannot list it",
            state="nothing was touched", next="pg_dump --format=custom makes one; vpsdeploy db dump, too",
        )  # fmt: skip
    like = Cluster(call, service.port).ask("postgres", sql(_LIKE, service.database))[0]
    about = dict(zip(("encoding", "collate", "ctype"), like, strict=True))
    number = int(version[1]) * 10000
    return Dumped(
        POSTGRESQL, service.database, path.name, path.stat().st_size, "", 0.0, {},
        {**about, "version_number": number, "owner": service.user},
    )  # fmt: skip
