"""`vpsdeploy db dump | load`: the app's database as a file on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import UsageError, VpsdeployError
from orchestrator.model.fleet import Host, Stage
from orchestrator.plan import services as plan
from orchestrator.report.reporter import Reporter
from orchestrator.transport import blocks
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened

POSTGRESQL = "postgresql"
_READ_BYTES = 1 << 18
_MARK = b"PGDMP"
"""What a dump begins with. Source: PostgreSQL, src/bin/pg_dump/pg_backup_archiver.c, WriteHead."""


def dump(
    config: AppConfig, stage: Stage, host: str, file: Path, reporter: Reporter, opener: Opener = open_over_ssh
) -> tuple[str, int]:  # fmt: skip
    """Write a dump of the app's database to a file, which only its owner can read.

    Returns: the host, and the file's size in bytes.
    Raises: UsageError: the file is there. VpsdeployError: the dump broke off; no file is left.
    """
    one = chosen(config, stage, host)
    if file.exists() or not file.absolute().parent.is_dir():
        why = "it is there, and is not replaced" if file.exists() else "its directory does not exist"
        raise UsageError(f"{file} cannot be written", why=why, state="nothing was touched")
    beside = file.with_name(f".{file.name}.partial")
    try:
        with opened(config, stage, opener) as context, os.fdopen(_new(beside), "wb") as target:
            reporter.started(f"dump the database on {one.name}")
            target.writelines(blocks.content(context.fleet.read(one.name, "db-dump", {})))
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
    one = chosen(config, stage, host)
    try:
        with file.open("rb") as source:
            begin = source.read(len(_MARK))
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read", why=str(error.strerror), state="nothing was touched"
        ) from None
    if begin != _MARK:
        raise UsageError(
            f"{file} is no dump of PostgreSQL", why="a dump in custom format begins with PGDMP",
            state="nothing was touched", next="pg_dump --format=custom makes one; vpsdeploy db dump, too",
        )  # fmt: skip
    with opened(config, stage, opener) as context:
        reporter.started(f"load {file.name} on {one.name}")
        body = blocks.Again(lambda: blocks.body(_parts(file)))
        return one.name, context.call(one.name, "db-load", wish, body=body)


def chosen(config: AppConfig, stage: Stage, host: str) -> Host:
    """The host that is meant: by default the one that carries the app's PostgreSQL.

    Raises: UsageError: there is no such one, or there are several and nothing says which.
    """
    carriers = [one.host for one in plan.placed(config, stage) if one.kind == POSTGRESQL]
    host = host or next(iter(carriers), "")
    found = [one for one in stage.hosts if host in ("", one.name)]
    if len(found) != 1:
        names = ", ".join(one.name for one in stage.hosts)
        raise UsageError(
            f"there is no host {host[:60]}" if host else "which host?", why=f"{stage.name} has {names}",
            state="nothing was touched", next="name it with --host",
        )  # fmt: skip
    return found[0]


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while part := source.read(_READ_BYTES):
            yield part
