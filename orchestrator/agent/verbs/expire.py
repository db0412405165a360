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
    while (found := pending.read(call.app)) and (left := pending.left(found)) > 0:
        time.sleep(min(left, _POLL_SECONDS))
    if found is None:
        return {"returned": False, "live": pools.live(call.app)}
    with mutex.held(call.app.mutex_file, _MUTEX_SECONDS):
        found = pending.read(call.app)
        is_over = bool(found) and pending.left(found or {}) <= 0
        if is_over:
            pending.undo(call, "return", "nobody confirmed it in time")
    return {"returned": is_over, "live": pools.live(call.app)}
