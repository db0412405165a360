"""What a drill asks the restored database, and what the answers have to be."""

from __future__ import annotations

from typing import Any

from orchestrator.agent.backup.postgres import Cluster, sql
from orchestrator.agent.failures import BackupFailed

_SETTINGS = ("default_transaction_read_only=on", "statement_timeout=300s", "TimeZone=UTC")
_HOUR_SECONDS = 3600


def check(cluster: Cluster, database: str, wanted: dict[str, Any], taken_at: float) -> None:
    """Ask one question.

    Args:
        cluster: The server.
        database: Restored.
        wanted: `query`, and one of `equals`, `at_least`, `at_most`, `newer_than_hours`.
        taken_at: When the backup was made (seconds since the epoch): what is new is judged by that, not by today.
    Raises: BackupFailed: another answer, or none.
    """
    query = str(wanted["query"]).strip().rstrip(";")
    newer = wanted.get("newer_than_hours")
    asked = sql("SELECT extract(epoch FROM (%s)::timestamptz)", query) if newer is not None else query
    rows = cluster.ask(database, asked, *_SETTINGS)
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
