"""The story of a whole change, as its controller tells it when it gives the lock back: one line of the history."""

from __future__ import annotations

import json
import re
from typing import Any

from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError

_COMMAND = re.compile(r"[a-z][a-z_ -]{0,39}")
_MOST_TEXT = 200
_MOST_BYTES = 16 << 10
"""Far more than figures, warnings and an error take; a history is read whole (our choice)."""


def record(call: Call) -> None:
    """Write `entry` to the history, where the request has one.

    Raises: UsageError: it is none; the lock stays as it is.
    """
    entry = call.request.fields.get("entry")
    if entry is None:
        return
    if not isinstance(entry, dict) or len(json.dumps(entry)) > _MOST_BYTES:
        raise UsageError("the request is wrong", why=f"entry is no object of at most {_MOST_BYTES} bytes")
    command, figures = str(entry.get("command")), entry.get("figures")
    if not _COMMAND.fullmatch(command) or not isinstance(figures, dict):
        raise UsageError("the request is wrong", why="entry has no command, or no figures")
    old, new, result = (_text(entry.get(name)) for name in ("from", "to", "result"))
    call.record(command, old=old, new=new, result=result or "", summary=True, **figures)


def _text(value: Any) -> str | None:
    return str(value)[:_MOST_TEXT] if value else None
