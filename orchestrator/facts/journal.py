"""Lines of a host's journal as the agent streams them. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.model.log import LogLine


def parse(host: str, event: dict[str, Any]) -> LogLine:
    """One event "log" as a line; fields that are missing are left empty."""
    unit = str(event.get("unit") or "").removesuffix(".service")
    return LogLine(str(event.get("time") or ""), host, unit, str(event.get("message") or ""))
