"""leave, join: take an app host out of this load balancer, and bring it back, for each request and without a reload."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import routes
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import HostNotReady, ReleaseFailed


def leave(call: Call) -> dict[str, Any]:
    """Send no new request to one app host. One at a time: nginx has an upstream without each, but without no two."""
    host = call.request.host
    known, out = _known(call, host), routes.out(call.app)
    others = [name for name in out if name != host and name in known]
    if known == [host]:
        raise ReleaseFailed(
            f"{host} cannot be taken out", why="it is the only app host", state="nothing was changed"
        )
    if others:
        why = f"{others[0]} is out already, and nginx can do without one host at a time"
        raise ReleaseFailed(
            f"{host} cannot be taken out", why=why, state="nothing was changed",
            next=f"vpsdeploy host join {others[0]}, or take it out of the inventory and run vpsdeploy provision host",
        )  # fmt: skip
    if host in out:
        return {"changed": False, "out": out}
    mark = {"by": call.request.by, "since": timestamp(), "dead": call.request.flag("dead")}
    routes.take_out(call.app, host, mark)
    call.record("leave", old=host, new=None, result="out", host=host)
    return {"changed": True, "out": routes.out(call.app)}


def join(call: Call) -> dict[str, Any]:
    """Send requests to an app host again."""
    host = call.request.host
    _known(call, host)
    was_out = host in routes.out(call.app)
    if was_out:
        routes.bring_back(call.app, host)
        call.record("join", old=None, new=host, result="in", host=host)
    return {"changed": was_out, "out": routes.out(call.app)}


def _known(call: Call, host: str) -> list[str]:
    """The app hosts that nginx was provisioned with: it has upstreams for no others."""
    known: list[str] = call.app_facts().get("hosts") or []
    if host not in known:
        raise HostNotReady(
            f"nginx does not know {host}", why=f"it was provisioned for {', '.join(known) or 'no app host'}",
            state="nothing was changed", next="vpsdeploy provision host",
        )  # fmt: skip
    if not call.app.routes.is_dir():
        raise HostNotReady("the host has no route for the app", why=f"{call.app.routes} does not exist")
    return known
