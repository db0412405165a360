"""What a drill asks the restored database, and what the answers have to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.agent.backup import services
from orchestrator.agent.backup.services import MARIADB, POSTGRESQL, Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

_HOUR_SECONDS = 3600

Ask = Callable[[str, bool], list[list[str]]]
"""Asks a query that may only read; its moment is wanted as seconds since the epoch, where that is said."""


def of(call: Call, asked: tuple[dict[str, Any], ...], dumped: Dumped) -> list[dict[str, Any]]:
    """The questions to one database; those that name none are for the one that DATABASE_URL leads to."""
    kinds = {one.kind for one in services.of(call)}
    is_second = dumped.kind == MARIADB and POSTGRESQL in kinds
    default = "" if is_second else dumped.database
    return [one for one in asked if (one.get("database") or default) == dumped.database]


def check(ask: Ask, wanted: dict[str, Any], taken_at: float) -> None:
    """Ask one question.

    Args:
        ask: The restored database.
        wanted: `query`, and one of `equals`, `at_least`, `at_most`, `newer_than_hours`.
        taken_at: When the backup was made (seconds since the epoch): what is new is judged by that, not by today.
    Raises: BackupFailed: another answer, or none.
    """
    query = str(wanted["query"]).strip().rstrip(";")
    rows = ask(query, wanted.get("newer_than_hours") is not None)
    answer = rows[0][0] if rows and rows[0] else ""
    if why := _wrong(wanted, answer, taken_at):
        raise BackupFailed("an assertion is not met", why=f"{query}: {why}")


def _wrong(wanted: dict[str, Any], answer: str, taken_at: float) -> str:
    """Why an answer is not the one that is wanted; empty where it is."""
    if wanted.get("equals") is not None:
        return "" if answer == str(wanted["equals"]) else f"{answer!r}, not {str(wanted['equals'])!r}"
    try:
        number = float(answer)
    except ValueError:
        return f"{answer!r} is no number" if wanted.get("newer_than_hours") is None else "no moment came back"
    if wanted.get("newer_than_hours") is not None:
        hours = (taken_at - number) / _HOUR_SECONDS
        return "" if hours <= float(wanted["newer_than_hours"]) else f"{hours:.1f} h older than the backup"
    least, most = wanted.get("at_least"), wanted.get("at_most")
    if least is not None and number < float(least):
        return f"{answer}, less than {least}"
    return f"{answer}, more than {most}" if most is not None and number > float(most) else ""
