"""A database of PostgreSQL as a file of its own, in the format that every pg_restore reads."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.agent.backup import postgres_dump, postgres_load
from orchestrator.agent.backup.postgres import Cluster, sql
from orchestrator.agent.backup.services import POSTGRESQL, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError

_VERSION = re.compile(r"^;\s+Dumped from database version: (\d+)", re.MULTILINE)

_LIKE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname IN (%L, 'template0')
ORDER BY datname = 'template0'"""
"""As the database is that is there; as the server makes them where there is none."""


def size(call: Call, service: Service) -> int:
    """Of the database, in bytes."""
    return int(
        Cluster(call, service.port).one("postgres", sql("SELECT pg_database_size(%L)", service.database))
    )


def write(call: Call, service: Service, path: Path) -> None:
    """Dump it, and read the dump to its end.

    Raises: BackupFailed: it is not whole.
    """
    program = ["pg_dump", "--format=custom", f"--dbname={service.database}"]
    Cluster(call, service.port).write(program, path)
    postgres_dump.verify(call, path, 0)


def read(call: Call, service: Service, path: Path) -> Dumped:
    """What is known of a file that somebody brought; its rows are not.

    Raises: UsageError: it is no dump.
    """
    listed = postgres_load.listed(call, path, "--list")
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
