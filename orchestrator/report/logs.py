"""What `vpsdeploy logs` shows."""

from __future__ import annotations

from typing import Any

from orchestrator.model.log import LogLine


def text(line: LogLine) -> str:
    """For people: where from, then the app's own words."""
    return f"{line.host} {line.instance} | {line.text}"


def fields(line: LogLine) -> dict[str, Any]:
    """For programs (kind "log", one event a line)."""
    return {"time": line.time, "host": line.host, "instance": line.instance, "text": line.text}
