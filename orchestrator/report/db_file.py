"""What `vpsdeploy db dump` and `load` show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.backup import size


def dumped_text(host: str, file: Path, count: int) -> str:
    """For people."""
    return f"{file}: {size(count)}, the database on {host}; it was read to its end there"


def dumped_fields(stage: str, host: str, file: Path, count: int) -> dict[str, Any]:
    """For programs (kind "db_dumped")."""
    return {"stage": stage, "host": host, "file": str(file), "bytes": count}


def loaded_text(host: str, answer: dict[str, Any]) -> str:
    """For people: what is there now, and what was kept of what was there."""
    lines = [f"loaded on {host}: {line}" for line in answer["restored"]]
    return "\n".join([*lines, *(f"kept: {line}" for line in answer["kept"])])


def loaded_fields(stage: str, host: str, answer: dict[str, Any]) -> dict[str, Any]:
    """For programs (kind "db_loaded")."""
    return {"stage": stage, "host": host, "restored": answer["restored"], "kept": answer["kept"]}
