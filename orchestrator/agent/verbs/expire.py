"""expire: what the timer of a flip wakes. It waits while somebody holds the flip, then takes it back."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.agent import mutex, pending, pools
from orchestrator.agent.call import Call

_POLL_SECONDS = 1.0
"""How soon it is seen that the flip was confirmed, or is over."""

_MUTEX_SECONDS = 120.0


def expire(call: Call) -> dict[str, Any]:
    """What the timer wakes: wait while the time is put off, then take the change back."""
    while found := pending.read(call.app):
        if (left := pending.left(found)) > 0:
            time.sleep(min(left, _POLL_SECONDS))
        elif _take_back(call):
            return {"returned": True, "live": pools.live(call.app)}
    return {"returned": False, "live": pools.live(call.app)}


def _take_back(call: Call) -> bool:
    """Look once more where nobody can put it off: until then it may have been held, and must be waited for again."""
    with mutex.held(call.app.mutex_file, _MUTEX_SECONDS):
        found = pending.read(call.app)
        is_over = found is not None and pending.left(found) <= 0
        if is_over:
            pending.undo(call, "return", "nobody confirmed it in time")
    return is_over
