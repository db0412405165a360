"""`vpsdeploy db dump | load`: the app's database as a file on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.config import FILE_NAME, AppConfig
from orchestrator.config.problems import nearest
from orchestrator.errors import UsageError, VpsdeployError
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.service import FILES, LOADED, MARIADB, MONGODB, POSTGRESQL
from orchestrator.plan import services as plan
from orchestrator.report.reporter import Reporter
from orchestrator.transport import blocks
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened

_READ_BYTES = 1 << 18
_HEAD_BYTES = 200
_MARKS = {
    POSTGRESQL: re.compile(rb"PGDMP"),
    MARIADB: re.compile(rb"(/\*M?!999999\S* enable the sandbox mode \*/ *\r?\n)?-- (MariaDB|MySQL) dump "),
}
"""What a dump begins with. Source: PostgreSQL, src/bin/pg_dump/pg_backup_archiver.c, WriteHead; MariaDB,
client/mysqldump.c, write_header."""

_COMPRESSED = b"\x1f\x8b"
"""So does MongoDB's, and any other that somebody has compressed. Source: RFC 1952."""


def dump(
    config: AppConfig, stage: Stage, host: str, file: Path, reporter: Reporter, opener: Opener = open_over_ssh,
    kind: str = "",
) -> tuple[str, int]:  # fmt: skip
    """Write a dump of the app's database to a file, which only its owner can read.

    Args:
        config: The app.
        stage: Its hosts.
        host: Whose database; empty for the one that vpsdeploy.yml says.
        file: Not there yet.
        reporter: Told what is done.
        opener: How the host is reached.
        kind: Of the database; empty for the only one.
    Returns: the host, and the file's size in bytes.
    Raises: UsageError: the file is there. VpsdeployError: the dump broke off; no file is left.
    """
    one, kind = chosen(config, stage, host, kind)
    if file.exists() or not file.absolute().parent.is_dir():
        why = "it is there, and is not replaced" if file.exists() else "its directory does not exist"
        raise UsageError(f"{file} cannot be written", why=why, state="nothing was touched")
    beside = file.with_name(f".{file.name}.partial")
    try:
        with opened(config, stage, opener) as context, os.fdopen(_new(beside), "wb") as target:
            reporter.started(f"dump the database on {one.name}")
            target.writelines(blocks.content(context.fleet.read(one.name, "db-dump", {"service": kind})))
        size = beside.stat().st_size
        beside.rename(file)
    except VpsdeployError as error:
        error.state = error.state or f"{file} was not written"
        raise
    finally:
        beside.unlink(missing_ok=True)
    return one.name, size


def load(
    config: AppConfig, stage: Stage, host: str, file: Path, wish: dict[str, Any], reporter: Reporter,
    opener: Opener = open_over_ssh,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Load a dump; `wish` has `into` and `force`. Returns: the host, and its answer.

    Raises: UsageError: it is no dump, or the database is in use; nothing was touched.
    """
    try:
        with file.open("rb") as source:
            head = source.read(_HEAD_BYTES)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read", why=str(error.strerror), state="nothing was touched"
        ) from None
    kind = next((kind for kind, mark in _MARKS.items() if mark.match(head)), "")
    if head.startswith(_COMPRESSED) and MONGODB in config.services:
        kind = MONGODB
    if not kind:
        raise UsageError(
            f"{file} is no dump of a database",
            why="it begins neither as pg_dump's custom format nor as mariadb-dump's",
            state="nothing was touched",
            next="pg_dump --format=custom or mariadb-dump makes one; vpsdeploy db dump, too",
        )  # fmt: skip
    one, kind = chosen(config, stage, host, kind)
    if kind not in LOADED:
        raise UsageError(
            f"{kind} is loaded on its host", why=f"from here only {' and '.join(LOADED)} are",
            state="nothing was touched", next=f"docs/{kind}.md has the command, for {one.name}",
        )  # fmt: skip
    with opened(config, stage, opener) as context:
        reporter.started(f"load {file.name} on {one.name}")
        body = blocks.Again(lambda: blocks.body(_parts(file)))
        return one.name, context.call(one.name, "db-load", {**wish, "service": kind}, body=body)


def chosen(config: AppConfig, stage: Stage, host: str, kind: str = "") -> tuple[Host, str]:
    """The host that is meant, by default the one that carries the app's database, and the database's kind.

    Where vpsdeploy.yml names no database, the host says which one it has.

    Raises: UsageError: there is no such one, or there are several and nothing says which.
    """
    carriers = {one.kind: one.host for one in plan.placed(config, stage) if one.kind in FILES}
    if carriers and (kind or len(carriers) > 1) and kind not in carriers:
        raise UsageError(
            f"the app has no {kind[:60]}{nearest(kind, carriers)}" if kind else "which database?",
            why=f"services in {FILE_NAME} has {', '.join(carriers)}", state="nothing was touched",
            next=f"--service {next(iter(carriers))}",
        )  # fmt: skip
    kind = kind or next(iter(carriers), "")
    host = host or carriers.get(kind, "")
    found = [one for one in stage.hosts if host in ("", one.name)]
    if len(found) != 1:
        names = ", ".join(one.name for one in stage.hosts)
        raise UsageError(
            f"there is no host {host[:60]}" if host else "which host?", why=f"{stage.name} has {names}",
            state="nothing was touched", next="name it with --host",
        )  # fmt: skip
    return found[0], kind


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while part := source.read(_READ_BYTES):
            yield part
