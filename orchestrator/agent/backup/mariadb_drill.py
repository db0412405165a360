"""A dump of MariaDB as a database again, beside the real one: counted, asked, and dropped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.agent import programs
from orchestrator.agent.backup import checks, mariadb, mariadb_restore
from orchestrator.agent.backup.mariadb import Server, literal
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call

_PREFIX = "vpsdeploy_drill_"
_SETTINGS = (
    "SET SESSION max_statement_time = 300, SESSION time_zone = '+00:00';\nSTART TRANSACTION READ ONLY;\n"
)
_LEFT = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE LEFT(SCHEMA_NAME, {size}) = {prefix}"


def prove(call: Call, asked: tuple[dict[str, Any], ...], dumped: Dumped, path: Path) -> dict[str, int]:
    """Load a dump, compare the rows of every table, and ask what the configuration asks.

    Raises: BackupFailed: it does not come back as it was.
    """
    server = mariadb_restore.server_of(call, dumped)
    _sweep(server)
    scratch = f"{_PREFIX}{int(time.time())}"
    mine = checks.of(call, asked, dumped)
    try:
        with mariadb_restore.loaded(server, scratch, dumped, path) as found:
            for one in mine:
                checks.check(
                    lambda query, moment: _asked(found.access, scratch, query, moment), one, dumped.taken_at
                )
    finally:
        _sweep(server)
    return {"tables": len(dumped.rows), "rows": sum(dumped.rows.values()), "checks": len(mine)}


def _asked(access: Path, scratch: str, query: str, moment: bool) -> list[list[str]]:
    """As the guest: what a view or a function of the app's does is not done as root."""
    wanted = f"SELECT UNIX_TIMESTAMP(({query}))" if moment else query
    command = [*mariadb.loader(access, scratch), "--skip-column-names"]
    return mariadb.rows(programs.fed(command, f"{_SETTINGS}{wanted};\n"))


def _sweep(server: Server) -> None:
    """Remove drills' databases: ours, and what an interrupted drill left."""
    server.forget_guests()
    for (scratch,) in server.ask(_LEFT.format(size=len(_PREFIX), prefix=literal(_PREFIX))):
        server.drop(scratch)
