"""retire: end every pool of an app host that is out, live or not."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.agent import connections, draining, pools, routes
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed


def retire(call: Call) -> dict[str, Any]:
    """Wait until nobody is connected to any instance, then stop them all.

    The caller vouches that no load balancer sends requests here; where this host is one itself, it is asked.
    """
    _check_out(call)
    found = {colour: pool for colour, pool in pools.read(call.app).items() if pool}
    call.systemd.stop([f"{call.app.drain_unit}.service"])
    began = time.time()
    ports = [port for pool in found.values() for port in pool.ports]
    cut = connections.wait_for_none(call.layout.proc, ports, began + call.request.seconds("timeout_seconds"))
    waited = round(time.time() - began, 1)
    for colour, pool in found.items():
        draining.stop(call, colour, pool, "retire", cut_connections=cut, waited_seconds=waited)
    return {"stopped": sorted(found), "cut_connections": cut, "waited_seconds": waited}


def _check_out(call: Call) -> None:
    name = str(call.app_facts().get("name", ""))
    if pools.live(call.app) is not None and name not in routes.out(call.app):
        raise ReleaseFailed(
            "the pools cannot be ended", why=f"nginx on this host sends requests to {name}",
            state="nothing was changed",
        )  # fmt: skip
