"""rebuild: bring a lost host's backup onto this empty one, part by part (agent/backup/rebuild.py)."""

from __future__ import annotations

from typing import Any

from orchestrator.agent.backup import rebuild as parts
from orchestrator.agent.backup import rebuild_releases
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError

PARTS = {
    "look": parts.look, "data": parts.data, "certificate": parts.certificate, "releases": rebuild_releases.bring_back,
    "end": parts.end,
}  # fmt: skip


def rebuild(call: Call) -> dict[str, Any]:
    """Carry out one part; in this order."""
    part = call.request.text("part")
    if part not in PARTS:
        raise UsageError("the request is wrong", why=f"part is {part[:40]!r}, not one of {', '.join(PARTS)}")
    return PARTS[part](call)
