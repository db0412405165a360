"""flip, confirm, return: make a pool live, for good or until a timer takes it back."""

from __future__ import annotations

import json
import time
from typing import Any

from orchestrator.agent import durable, pools, routes
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, ReleaseFailed
from orchestrator.agent.layout import AGENT
from orchestrator.agent.version import PROTOCOL


def flip(call: Call) -> dict[str, Any]:
    """Make a pool live, with as many instances as it has. Unless it is confirmed in time, a timer takes it back."""
    app, colour = call.app, call.request.colour
    live = pools.live(app)
    if live is None:
        raise HostNotReady("the host has no route for the app", why=f"{app.routes} does not exist")
    if instances := call.request.count("instances", 0, most=99):
        routes.set_size(app, colour, instances)
    if live == colour:
        return {"from": colour, "to": colour, "changed": False}
    pending = durable.read_json(app.pending_file)
    if pending and pending["from"] == colour:
        _undo(call, "flip")
        return {"from": live, "to": colour, "changed": True}
    seconds = call.request.seconds("confirm_seconds")
    _arm(call, seconds)
    pending = {"from": live, "to": colour, "deadline": time.time() + seconds, "change": call.request.change}
    if across := call.request.text("across", ""):
        pending["across"] = across  # a migration that the pool before may not be able to live with
    durable.write_json(app.pending_file, pending)
    pools.make_live(app, colour)
    call.record("flip", old=live, new=colour, result="live", confirm_seconds=seconds)
    return {"from": live, "to": colour, "changed": True}


def confirm(call: Call) -> dict[str, Any]:
    """Keep a flip: no timer any more (load balancer), `current` names the release (app host)."""
    app, colour = call.app, call.request.colour
    begun_by = ""
    runs = _runs_here(call) and not call.request.flag("route_only")
    release = _check_pool(call, colour) if runs else None
    if pools.live(app) is not None:
        _check_live(call, colour)
        begun_by = _change_of(durable.read_json(app.pending_file))
        durable.remove(app.pending_file)
        _disarm(call)
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
    """Undo a flip that was not confirmed; nothing to do where there is none."""
    pending = durable.read_json(call.app.pending_file)
    if pending:
        _undo(call, "return")
    return {"returned": bool(pending), "live": pools.live(call.app)}


def _undo(call: Call, verb: str) -> None:
    """The marker first: until pending.json is gone, the next call starts over."""
    pending = durable.read_json(call.app.pending_file)
    pools.make_live(call.app, pending["from"])
    durable.remove(call.app.pending_file)
    _disarm(call)
    across = {"across_irreversible_migration_of": pending["across"]} if "across" in pending else {}
    begun_by = _change_of(pending)
    call.record(verb, old=pending["to"], new=pending["from"], result="returned", change=begun_by, **across)


def _change_of(pending: dict[str, Any] | None) -> str:
    """The change that made a flip: its end is told with it, whoever brings it about."""
    return str((pending or {}).get("change") or "")


def _check_pool(call: Call, colour: str) -> str:
    release, pool = call.request.release, pools.read(call.app)[colour]
    if pool is None or pool.release != release or pool.state != pools.RUNNING:
        why = f"the {colour} pool runs {pool.release if pool else 'nothing'}"
        raise ReleaseFailed(f"release {release} cannot be confirmed", why=why)
    return release


def _check_live(call: Call, colour: str) -> None:
    live = pools.live(call.app)
    if live != colour:
        why = f"{live} is live: the flip to {colour} was taken back, because nobody confirmed it in time"
        raise ReleaseFailed("the flip cannot be confirmed", why=why, state=f"{live} is live on this host")


def _arm(call: Call, seconds: float) -> None:
    """Before the flip: there is no moment in which a flip is pending and nothing would take it back."""
    call.systemd.stop([f"{call.app.return_unit}.{kind}" for kind in ("timer", "service")])
    request = {
        "protocol": PROTOCOL, "app": call.app.name, "by": f"timer of {call.request.by}", "change": call.request.change,
    }  # fmt: skip
    command = [AGENT, "return", "--request", json.dumps(request)]
    options = [f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
    call.systemd.run_transient(call.app.return_unit, command, options)


def _disarm(call: Call) -> None:
    """Stop the timer, never its service: that may be us."""
    call.systemd.stop([f"{call.app.return_unit}.timer"])
    call.systemd.forget_failures([f"{call.app.return_unit}.service"])
