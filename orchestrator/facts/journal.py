"""Lines of a host's journal as the agent streams them. Pure.

Source: systemd.journal-fields(7); journalctl(1), --output=json: a text that is not UTF-8 comes as a list of bytes.
"""

from __future__ import annotations

from typing import Any

from orchestrator.model.log import LogLine


def parse(host: str, event: dict[str, Any]) -> LogLine:
    """One event "log" as a line; fields that are missing are left empty."""
    fields = event.get("entry", event)
    micros = int(fields.get("__REALTIME_TIMESTAMP") or 0)
    unit = str(fields.get("_SYSTEMD_UNIT") or fields.get("UNIT") or "")
    return LogLine(micros / 1e6, host, unit.removesuffix(".service"), _text(fields.get("MESSAGE")))


def _text(message: Any) -> str:
    if isinstance(message, list):
        return bytes(message).decode(errors="replace")
    return str(message or "")
