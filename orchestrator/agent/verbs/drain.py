"""drain: stop a pool once nobody is connected to it any more. A unit of the host does it: the controller may go."""

from __future__ import annotations

import json
import time
from typing import Any

from orchestrator.agent import connections, draining, mutex, pools
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import AGENT
from orchestrator.agent.version import PROTOCOL


def drain(call: Call) -> dict[str, Any]:
    """Schedule the drain of a pool that is not live."""
    app, colour = call.app, call.request.colour
    pool = pools.read(app)[colour]
    if pools.is_routed(app, colour):
        raise ReleaseFailed(
            f"the {colour} pool is live", why="it cannot be drained", state="nothing was changed"
        )
    unit = f"{app.drain_unit}.service"
    if pool is None or (pool.state == pools.DRAINING and call.systemd.active(unit)):
        return {"scheduled": pool is not None}
    deadline = time.time() + call.request.seconds("timeout_seconds")
    pools.write(app, colour, pool._replace(state=pools.DRAINING, deadline=deadline))
    said = {"by": call.request.by, "change": call.request.change, "colour": colour}
    request = {"protocol": PROTOCOL, "app": app.name, **said}
    call.systemd.run_transient(app.drain_unit, [AGENT, "drain", "--request", json.dumps(request)])
    call.record("drain", old=pool.release, new=None, result="scheduled", colour=colour)
    return {"scheduled": True}


def wait(call: Call) -> dict[str, Any]:
    """What the unit runs. The wait holds nothing; before the stop it looks again whether the pool is still to go."""
    colour = call.request.colour
    pool = pools.read(call.app)[colour]
    if pool is None or pool.state != pools.DRAINING:
        return {"stopped": False}
    started = time.time()
    cut = connections.wait_for_none(call.layout.proc, pool.ports, pool.deadline)
    waited = round(time.time() - started, 1)
    with mutex.held(call.app.mutex_file, wait_seconds=3600):
        if pools.read(call.app)[colour] != pool or pools.is_routed(call.app, colour):
            return {"stopped": False}
        draining.stop(call, colour, pool, "drain", cut_connections=cut, waited_seconds=waited)
    return {"stopped": True, "cut_connections": cut}
