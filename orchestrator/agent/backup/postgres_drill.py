"""A dump of PostgreSQL as a database again, beside the real one: counted, asked, and dropped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import checks, postgres_dump, postgres_load, restore_database
from orchestrator.agent.backup.postgres import Cluster, sql
from orchestrator.agent.backup.postgres_guest import GUEST, Guest, guest
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

_PREFIX = "vpsdeploy_drill_"
_SETTINGS = ("default_transaction_read_only=on", "statement_timeout=300s", "TimeZone=UTC")


def prove(call: Call, asked: tuple[dict[str, Any], ...], dumped: Dumped, path: Path) -> dict[str, int]:
    """Load a dump, compare the rows of every table, and ask what the configuration asks.

    Raises: BackupFailed: it does not come back as it was.
    """
    cluster = restore_database.server_of(call, dumped)
    _sweep(cluster)
    scratch = f"{_PREFIX}{int(time.time())}"
    mine = checks.of(call, asked, dumped)
    try:
        with guest(cluster) as me:
            postgres_dump.make_database(cluster, scratch, dumped.about, GUEST)
            postgres_load.load(cluster, me, scratch, path, [dumped.database])
            if wrong := postgres_dump.differences(dumped.rows, postgres_dump.counted(me, scratch)):
                raise BackupFailed("rows are missing in the restored database", why="; ".join(wrong[:10]))
            for one in mine:
                checks.check(lambda query, moment: answer(me, scratch, query, moment), one, dumped.taken_at)
    finally:
        _sweep(cluster)
    return {"tables": len(dumped.rows), "rows": sum(dumped.rows.values()), "checks": len(mine)}


def answer(asked_by: Guest, scratch: str, query: str, moment: bool) -> list[list[str]]:
    """What a restored database answers, which may only be read; a moment as seconds since the epoch."""
    wanted = sql("SELECT extract(epoch FROM (%s)::timestamptz)", query) if moment else query
    return asked_by.ask(scratch, wanted, *_SETTINGS)


def _sweep(cluster: Cluster) -> None:
    """Remove drills' databases: ours, and what an interrupted drill left."""
    asked = sql("SELECT datname FROM pg_database WHERE starts_with(datname, %L)", _PREFIX)
    for (name,) in cluster.ask("postgres", asked):
        cluster.ask("postgres", sql("DROP DATABASE IF EXISTS %I WITH (FORCE)", name))
