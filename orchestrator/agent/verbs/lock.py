"""lock, renew, unlock: who changes the app."""

from __future__ import annotations

import contextlib
from typing import Any

from orchestrator.agent import durable, entry, lease, mutex, turns
from orchestrator.agent.call import Call
from orchestrator.agent.failures import LockHeld, UsageError

_MUTEX_SECONDS = 120.0
_BUSY_SECONDS = 1.0
"""How long one waits for a running step whose lock is another's anyway: for a place in the queue (our choice)."""


def lock(call: Call) -> dict[str, Any]:
    """Take the app's lock on this host; with `wait` keep a place in the queue where somebody holds it.

    Not while a verb runs: one whose controller is gone is carried out to its end before another may have the lock.
    Whose lock it is can be said at once, however long the holder's step takes.
    """
    owner, dead = call.request.fields.get("owner"), call.request.fields.get("dead_owner")
    if not isinstance(owner, dict):
        raise UsageError("the request is wrong", why="owner is not an object")
    call.app_facts()
    message, seconds = call.request.text("message", "")[:500], call.request.seconds("lease_seconds")
    wish = lease.Wish(owner, message, seconds, manual=call.request.flag("manual"))
    gone = dead if isinstance(dead, dict) else None
    with contextlib.ExitStack() as alone:
        held = _held(call, wish, gone)
        try:
            alone.enter_context(mutex.held(call.app.mutex_file, _BUSY_SECONDS if held else _MUTEX_SECONDS))
        except LockHeld as busy:
            raise held or busy from None
        token, before = _take(call, wish, gone)
        _record_lock(call, wish, before)
    return {"token": token, "taken_over": before, "again": bool(before and before["manual"])}


def renew(_: Call) -> dict[str, Any]:
    """Nothing but what the token does for each verb: the lease begins anew."""
    return {}


def unlock(call: Call) -> dict[str, Any]:
    """Give the lock back: with its token; as the person who holds it; or where it is stale or `force` is given.

    With `entry`, the story of the change is written to the history first. Not an error where nobody holds the lock.
    """
    path = call.app.lock_file
    shown = lease.describe(path)
    if shown is None:
        return {"released": False, "was": None}
    if call.request.text("token", "") and not call.request.flag("force"):
        lease.renew(path, call.request.text("token"))
        entry.record(call)
    else:
        _check_may_end(call, shown)
        who = lease.person(shown["owner"])
        call.record("unlock", old=who, new=None, result="unlocked", message=shown["message"])
    durable.remove(path)
    return {"released": True, "was": shown}


def _held(call: Call, wish: lease.Wish, gone: dict[str, Any] | None) -> LockHeld | None:
    """The error for one who cannot have the lock as it is now."""
    try:
        lease.check_free(call.app.lock_file, wish, gone)
    except LockHeld as held:
        return held
    return None


def _take(call: Call, wish: lease.Wish, gone: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    """Take it, in turn.

    Raises: LockHeld: with `ahead`, how many are before us, where we wait.
    """
    file, queue = call.app.lock_file, call.app.waiting_file
    try:
        lease.check_free(file, wish, gone)
        if not lease.is_ours(file, wish):
            turns.check_turn(queue, wish)
    except LockHeld as held:
        if call.request.flag("wait"):
            held.facts["ahead"] = turns.join(queue, wish)
        else:
            turns.leave(queue, wish)
        raise
    turns.leave(queue, wish)
    return lease.take(file, wish, gone)


def _record_lock(call: Call, wish: lease.Wish, before: dict[str, Any] | None) -> None:
    """A person's lock, and one that was taken over, are part of the story; a release tells its own."""
    if before and not before["manual"]:
        who = lease.person(before["owner"])
        call.record("lock", old=who, new=None, result="taken over", message=before["message"])
    if wish.manual:
        call.record("lock", old=None, new=None, result="locked", message=wish.message)


def _check_may_end(call: Call, shown: dict[str, Any]) -> None:
    """Whether one without a token may end a lock.

    Raises: LockHeld: it is another person's, or a release that may still be running.
    """
    dead = call.request.fields.get("dead_owner")
    own = shown["manual"] and lease.person(shown["owner"]) == call.request.by
    stale = lease.is_stale(shown, dead if isinstance(dead, dict) else None)
    if not (call.request.flag("force") or own or stale):
        raise lease.held_by(shown)
