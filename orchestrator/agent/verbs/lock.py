"""lock, renew, unlock: who releases."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import durable, lease
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError


def lock(call: Call) -> dict[str, Any]:
    """Take the app's lock on this host."""
    owner, dead = call.request.fields.get("owner"), call.request.fields.get("dead_owner")
    if not isinstance(owner, dict):
        raise UsageError("the request is wrong", why="owner is not an object")
    call.app_facts()
    message, seconds = call.request.text("message", "")[:500], call.request.seconds("lease_seconds")
    token, taken_over = lease.take(call.app.lock_file, owner, message, seconds, dead)
    return {"token": token, "taken_over": taken_over}


def renew(_: Call) -> dict[str, Any]:
    """Nothing but what the token does for each verb: the lease begins anew."""
    return {}


def unlock(call: Call) -> dict[str, Any]:
    """Give the lock back; with `force` whoever holds it. Not an error where nobody does."""
    path = call.app.lock_file
    if lease.read(path) is None:
        return {"released": False}
    if not call.request.flag("force"):
        lease.renew(path, call.request.text("token"))
    durable.remove(path)
    return {"released": True}
