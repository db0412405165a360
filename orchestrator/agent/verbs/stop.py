"""stop: end a pool now, without waiting for anybody."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import draining, pools
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed


def stop(call: Call) -> dict[str, Any]:
    """Stop a pool whose start failed. Refuses a pool that serves users."""
    colour = call.request.colour
    pool = pools.read(call.app)[colour]
    if pool is None:
        return {"stopped": False}
    if pools.is_served(call.app, colour):
        why = f"nginx sends requests to {colour}, which runs {pool.release}"
        raise ReleaseFailed(f"the {colour} pool is live", why=why, state="nothing was changed")
    if pool.state == pools.DRAINING:
        call.systemd.stop([f"{call.app.drain_unit}.service"])
    draining.stop(call, colour, pool, "stop")
    return {"stopped": True}
