"""The app's database as it was at one moment: as a dump, that restores and drills know what to do with; or counted."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent.backup import (
    checks,
    postgres_drill,
    postgres_dump,
    postgres_guest,
    wal_chain,
    wal_recover,
    wal_send,
    wal_state,
)
from orchestrator.agent.backup.restic import WAL, Repository
from orchestrator.agent.backup.services import POSTGRESQL, Dumped
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.backup.wal_chain import Chain, Log
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError


class Dump(NamedTuple):
    """A database of a moment.

    Attributes:
        snapshot: The base that it came from.
    """

    dumped: Dumped
    path: Path
    snapshot: str


def check(call: Call, found: Settings) -> None:
    """See that a request for a moment is one that can be carried out, before any target is asked.

    Raises: UsageError: it is not.
    """
    if not found.point_in_time:
        raise UsageError(
            "there is no point-in-time recovery here",
            why="backup.point_in_time is off, or this host runs no PostgreSQL",
            state="nothing was touched", next="a backup's own moment can be restored: vpsdeploy backup list",
        )  # fmt: skip
    service, database = wal_send.service_of(call), call.request.text("database", "")
    if database not in ("", service.database):
        raise UsageError(
            f"{database[:60]!r} cannot be restored to a moment", why=f"the log is {POSTGRESQL}'s: {service.database}",
            state="nothing was touched",
        )  # fmt: skip
    if not database and not call.request.text("table", ""):
        raise UsageError(
            "what is to be restored to that moment?", why="neither a database nor a table is named",
            state="nothing was touched", next=f"--database {service.database}, or --table TABLE",
        )  # fmt: skip


def expected(call: Call) -> Dumped:
    """What will come, as far as it is known beforehand: enough to see whether it may take the real one's place."""
    service = wal_send.service_of(call)
    return Dumped(POSTGRESQL, service.database, "", 0, "", 0.0, {}, {"version_number": 0})


def dump(call: Call, found: Settings, name: str, moment: float, directory: Path) -> Dump:
    """The app's database as it was at a moment.

    Raises: UsageError: the moment cannot be reached; says which can. BackupFailed: it could not be brought there.
    """
    repository = Repository(call, found, name, beside=WAL)
    log = wal_send.refresh(call, found, name)
    chain, moment = _chain(call, log, name, moment)
    service = wal_send.service_of(call)
    with wal_recover.server(call, repository, log, chain, moment) as recovered:
        if not recovered.cluster.exists(service.database):
            raise UsageError(
                f"there was no database {service.database} at that moment", why=f"{wal_state.utc(moment)}",
                state="nothing was touched",
            )  # fmt: skip
        made = postgres_dump.dump_from(call, recovered.cluster, service.database, directory)
    return Dump(made._replace(taken_at=moment), directory / made.file, chain.base.snapshot)


def _chain(call: Call, log: Log, name: str, moment: float) -> tuple[Chain, float]:
    """A base that leads to a moment, and the moment that is meant: infinity is the last one that there is.

    Raises: UsageError: it cannot be reached; says what can.
    """
    if math.isinf(moment) and log.bases:
        newest = _newest(log)
        return newest, float(newest.end or 0.0)
    moment = wal_state.as_marked(wal_state.read(call), name, moment)
    chain = wal_chain.leading_to(log, moment)
    if chain is None:
        raise _out_of_reach(call, name, moment)
    return chain, moment


def prove(call: Call, found: Settings, name: str) -> dict[str, Any] | None:
    """Bring the newest base with its log to the last moment there is, count every row, and ask what a drill asks.

    Returns: `moment`, `base`, `segments`, `seconds`, `tables`, `rows`, `checks`; None where there is no base yet.
    Raises: BackupFailed: it does not come back.
    """
    log, began = wal_send.refresh(call, found, name), time.monotonic()
    if not log.bases:
        return None
    chain = _newest(log)
    database, end = wal_send.service_of(call).database, float(chain.end or 0.0)
    repository = Repository(call, found, name, beside=WAL)
    with (
        wal_recover.server(call, repository, log, chain, end) as recovered,
        postgres_guest.guest(recovered.cluster, reads=database) as reader,
    ):
        rows = postgres_dump.counted(reader, database)
        count = _ask(call, found, reader, recovered.moment)
    return {
        "moment": wal_state.utc(end), "base": chain.base.snapshot, "segments": recovered.segments,
        "seconds": round(time.monotonic() - began, 1), "tables": len(rows), "rows": sum(rows.values()), "checks": count,
    }  # fmt: skip


def _newest(log: Log) -> Chain:
    """The newest base, and the end of its log.

    Raises: BackupFailed: it leads nowhere.
    """
    chain = wal_chain.chain(log, log.bases[-1])
    if chain.end is None:
        there = chain.last.name if chain.last else "nothing"
        raise BackupFailed(
            "the newest base backup leads to no moment",
            why=f"the log that it needs goes from {chain.base.first.name} on; without a hole there is {there}",
        )
    return chain


def _ask(call: Call, found: Settings, reader: postgres_guest.Guest, at: float) -> int:
    """What a drill asks. Returns: how many questions."""
    database = wal_send.service_of(call).database
    mine = checks.of(call, found.checks, Dumped(POSTGRESQL, database, "", 0, "", at, {}, {}))
    for one in mine:
        checks.check(
            lambda query, moment: postgres_drill.answer(reader, database, query, moment),
            one, at,
        )  # fmt: skip
    return len(mine)


def _out_of_reach(call: Call, name: str, moment: float) -> UsageError:
    spans = wal_state.windows(wal_state.read(call), name)
    told = ", and ".join(
        f"from {wal_state.utc(math.ceil(one.begin))} to {wal_state.utc(one.end)}" for one in spans
    )
    asked = "the latest moment" if math.isinf(moment) else wal_state.utc(moment)
    return UsageError(
        f"{asked} cannot be reached ({name})",
        why=f"moments {told} can be" if told else "no moment can be yet: there is no base backup with its log",
        state="nothing was touched", next="vpsdeploy backup list shows what can be reached",
    )  # fmt: skip
