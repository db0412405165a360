"""history: what changed here."""

from __future__ import annotations

from typing import Any

from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError
from orchestrator.agent.history import last


def history(call: Call) -> dict[str, Any]:
    """The last lines, oldest first; of some verbs only, where they are named."""
    verbs = call.request.fields.get("verbs") or []
    if not isinstance(verbs, list) or not all(isinstance(verb, str) for verb in verbs):
        raise UsageError("the request is wrong", why="verbs is not a list of texts")
    return {"lines": last(call.app.history_file, call.request.count("lines", 20, most=10_000), verbs)}
