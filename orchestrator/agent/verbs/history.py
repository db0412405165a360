"""history: what changed here."""

from __future__ import annotations

from typing import Any

from orchestrator.agent.call import Call
from orchestrator.agent.history import last


def history(call: Call) -> dict[str, Any]:
    """The last lines, oldest first, of at most the newest MiB."""
    return {"lines": last(call.app.history_file, call.request.count("lines", 20, most=10_000))}
