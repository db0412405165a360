"""flip, hold, confirm, return: make a pool live, or give it a share; for good or until a timer takes it back."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import access_log, canary, durable, pending, pools, routes
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, ReleaseFailed, UsageError

_ALL = 100
_MOST_WHY = 500


def flip(call: Call) -> dict[str, Any]:
    """Make a pool live, with as many instances as it has, or give it a share of the requests.

    Unless it is confirmed in time, a timer of this host takes it back.
    """
    app, colour = call.app, call.request.colour
    share = call.request.count("share", _ALL, most=_ALL)
    if share == 0:
        raise UsageError("the request is wrong", why="share is 0, not 1 to 100")
    live, found = pools.live(app), pending.read(app)
    if live is None:
        raise HostNotReady("the host has no route for the app", why=f"{app.routes} does not exist")
    if instances := call.request.count("instances", 0, most=99):
        routes.set_size(app, colour, instances)
    if found and found["from"] == colour:
        pending.undo(call, "flip")
        return {"from": live, "to": colour, "changed": True}
    if live == colour:
        return {"from": colour, "to": colour, "changed": False}
    _route(call, live, found, share)
    result = "live" if share == _ALL else "canary"
    call.record("flip", old=live, new=colour, result=result, share=share)
    return {"from": live, "to": colour, "changed": True}


def hold(call: Call) -> dict[str, Any]:
    """Put off the time at which a pending change is taken back: somebody still watches it.

    Raises: ReleaseFailed: it was taken back already.
    """
    found = pending.read(call.app)
    if not found or found["to"] != call.request.colour:
        raise _taken_back(call)
    seconds = call.request.seconds("confirm_seconds")
    pending.write(call.app, found, seconds)
    return {"held_seconds": seconds}


def confirm(call: Call) -> dict[str, Any]:
    """Keep a flip: no timer any more (load balancer), `current` names the release (app host)."""
    app, colour = call.app, call.request.colour
    begun_by = ""
    runs = _runs_here(call) and not call.request.flag("route_only")
    release = _check_pool(call, colour) if runs else None
    if pools.live(app) is not None:
        if pools.live(app) != colour:
            raise _taken_back(call)
        begun_by = pending.change_of(pending.read(app))
        canary.end(app)
        durable.remove(app.pending_file)
        pending.disarm(call)
    old = pools.current(app)
    if release and release != old:
        durable.link(app.current, f"releases/{release}")
    call.record(
        "confirm", old=old, new=call.request.release, result="confirmed", change=begun_by, colour=colour
    )
    return {"live": pools.live(app), "current": pools.current(app)}


def _runs_here(call: Call) -> bool:
    """Whether instances of the release have to run on this host: not on one that is out."""
    facts = call.app_facts()
    return "app" in facts.get("roles", []) and facts.get("name") not in routes.out(call.app)


def return_(call: Call) -> dict[str, Any]:
    """Undo a change that was not confirmed; nothing to do where there is none."""
    found = pending.read(call.app)
    if found:
        pending.undo(call, "return", call.request.text("why", "")[:_MOST_WHY])
    elif call.app.routes.is_dir():
        canary.end(call.app)
    return {"returned": bool(found), "live": pools.live(call.app)}


def _route(call: Call, live: str, found: dict[str, Any] | None, share: int) -> None:
    """Timer, record, route: in this order. A canary's further steps keep the timer and put its time off."""
    app, colour = call.app, call.request.colour
    seconds = call.request.seconds("confirm_seconds")
    if found is None:
        pending.arm(call, seconds)
        mark = access_log.end(app.access_log)
        found = {"from": live, "to": colour, "mark": mark, "change": call.request.change}
        if across := call.request.text("across", ""):
            found["across"] = across  # a migration that the pool before may not be able to live with
    pending.write(app, {**found, "share": share}, seconds)
    if share < _ALL:
        return canary.begin(app, colour, share)
    pools.make_live(app, colour)
    canary.end(app)
    return None


def _check_pool(call: Call, colour: str) -> str:
    release, pool = call.request.release, pools.read(call.app)[colour]
    if pool is None or pool.release != release or pool.state != pools.RUNNING:
        why = f"the {colour} pool runs {pool.release if pool else 'nothing'}"
        raise ReleaseFailed(f"release {release} cannot be confirmed", why=why)
    return release


def _taken_back(call: Call) -> ReleaseFailed:
    live, colour = pools.live(call.app), call.request.colour
    why = f"{live} is live: the flip to {colour} was taken back, because nobody confirmed it in time"
    return ReleaseFailed("the flip cannot be confirmed", why=why, state=f"{live} is live on this host")
