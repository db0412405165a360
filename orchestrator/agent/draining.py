"""The end of a pool: wait for open connections, stop the instances, say what was cut."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.agent import connections, pools
from orchestrator.agent.call import Call
from orchestrator.agent.pools import Pool


def finish(call: Call, colour: str, pool: Pool) -> None:
    """Wait until the pool is idle or its drain's deadline has come, then stop it for good."""
    started = time.time()
    cut = connections.wait_for_none(call.layout.proc, pool.ports, pool.deadline)
    stop(call, colour, pool, "drain", cut_connections=cut, waited_seconds=round(time.time() - started, 1))


def stop(call: Call, colour: str, pool: Pool, verb: str, **figures: Any) -> None:
    """Stop the instances of a pool and take it off the record."""
    units = [call.app.unit(port) for port in pool.ports]
    call.systemd.stop(units)
    call.systemd.forget_failures(units)
    pools.write(call.app, colour, None)
    call.record(verb, old=pool.release, new=None, result="stopped", colour=colour, **figures)
