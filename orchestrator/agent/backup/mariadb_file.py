"""A database of MariaDB as a file of its own: SQL, as mariadb-dump and mysqldump write it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import mariadb_dump
from orchestrator.agent.backup.mariadb import Server
from orchestrator.agent.backup.services import MARIADB, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError

_HEAD_BYTES = 4096
_MAKER = re.compile(rb"^-- (MariaDB|MySQL) dump ", re.MULTILINE)
_VERSION = re.compile(rb"^-- Server version\t((\d+)\.(\d+)\S*)", re.MULTILINE)


def size(call: Call, service: Service) -> int:
    """Of the database, in bytes."""
    return int(mariadb_dump.about(Server(call), service.database)["size_bytes"])


def write(call: Call, service: Service, path: Path) -> None:
    """Dump it, and read the dump to its end.

    Raises: BackupFailed: it is not whole.
    """
    mariadb_dump.snapshot(Server(call), path, service.database)


def read(call: Call, service: Service, path: Path) -> Dumped:
    """What is known of a file that somebody brought; its rows are not.

    Raises: UsageError: it is no dump. BackupFailed: it was cut short.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    version = _VERSION.search(head)
    if version is None or not _MAKER.search(head):
        raise UsageError(
            "the file is no dump of MariaDB", why="its head does not say so", state="nothing was touched",
            next="mariadb-dump --single-transaction makes one; vpsdeploy db dump, too",
        )  # fmt: skip
    try:
        mariadb_dump.held(path)
    except BackupFailed as error:
        error.state = "nothing was touched"
        raise
    is_ours = b"MariaDB" in version[1]
    about: dict[str, Any] = {
        "version": version[1].decode(), "version_number": mariadb_dump.release(version[1].decode()) if is_ours else 0,
        **_like(Server(call), service.database),
    }  # fmt: skip
    return Dumped(MARIADB, service.database, path.name, path.stat().st_size, "", 0.0, {}, about)


def _like(server: Server, database: str) -> dict[str, str]:
    """As the database is that is there; as the server makes them where there is none."""
    if server.exists(database):
        known = mariadb_dump.about(server, database)
        return {"charset": known["charset"], "collation": known["collation"]}
    ((charset, collation),) = server.ask("SELECT @@character_set_server, @@collation_server")
    return {"charset": charset, "collation": collation}
