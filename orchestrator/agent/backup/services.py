"""Which services of this host hold data of the app, as their roles have written it down."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")

POSTGRESQL, MARIADB, REDIS, RABBITMQ, NATS = "postgresql", "mariadb", "redis", "rabbitmq", "nats"
MONGODB, KAFKA = "mongodb", "kafka"

LEFT_OUT = (MONGODB,)
"""What no backup holds; the controller says so wherever it shows them (its UNPROTECTED; a test compares the two)."""


class Service(NamedTuple):
    """One service that holds data of the app.

    Attributes:
        kind: Such as postgresql.
        port: Where it listens.
        database: The app's.
        user: Whom the app logs in as; it owns the database.
    """

    kind: str
    port: int
    database: str
    user: str


class Dumped(NamedTuple):
    """What was taken from a service, as the manifest of a backup has it.

    Attributes:
        file: Relative to the dumps' directory.
        taken_at: The moment that the dump shows (seconds since the epoch).
        rows: Of each table, at that very moment (count).
        about: What a restore needs to know besides: versions, encoding, roles.
    """

    kind: str
    database: str
    file: str
    bytes: int
    sha256: str
    taken_at: float
    rows: dict[str, int]
    about: dict[str, Any]


Dump = Callable[[Call, Service, Path], Dumped]


def of(call: Call) -> list[Service]:
    """The app's that backups hold, in the order of their files' names."""
    return [one for one in every(call) if one.kind not in LEFT_OUT]


def every(call: Call) -> list[Service]:
    """All of the app's, in that order."""
    told = (durable.read_json(path) for path in sorted(call.layout.services.glob("*.json")))
    return [_service(one) for one in told if isinstance(one, dict) and one.get("app") == call.app.name]


def left_out(call: Call) -> list[str]:
    """The app's that no backup holds."""
    return [one.kind for one in every(call) if one.kind in LEFT_OUT]


def _service(told: dict[str, Any]) -> Service:
    """As the role has written it.

    Raises: BackupFailed: it names no database: rather no backup than one without it.
    """
    kind, database = str(told.get("service") or ""), str(told.get("database") or "")
    if not kind or (database and not _DATABASE.fullmatch(database)):
        raise BackupFailed("a service cannot be backed up", why=f"its file says {str(told)[:200]}")
    return Service(kind, int(told.get("port") or 0), database, str(told.get("user") or ""))
