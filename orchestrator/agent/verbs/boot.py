"""boot: after a start of the host, before nginx: take back what was not confirmed, start what should run."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import draining, jobs, mutex, pools
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.request import Request
from orchestrator.agent.verbs import bans
from orchestrator.agent.verbs.flip import return_


def boot(call: Call) -> dict[str, Any]:
    """All apps, each for itself: one that fails does not keep the others down."""
    answers: dict[str, Any] = {}
    failed: dict[str, str] = {}
    try:
        bans.restore(call)
    except Exception as error:  # noqa: BLE001 - the apps must come up all the same
        failed["bans"] = str(error)
    for name in call.layout.app_names():
        one = call._replace(request=Request({"app": name, "by": "boot"}))
        try:
            with mutex.held(one.app.mutex_file, wait_seconds=60):
                answers[name] = _boot(one)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next app must still come up
            failed[name] = str(error)
    if failed:
        raise ReleaseFailed("some apps could not be started", why=str(failed), apps=answers)
    return {"apps": answers}


def _boot(call: Call) -> dict[str, Any]:
    """Timers do not survive a boot, so a flip that nobody confirmed goes back; a pool that drained is idle now."""
    returned = return_(call)["returned"]
    units: list[str] = []
    for colour, pool in pools.read(call.app).items():
        if pool and pool.state == pools.DRAINING and pools.live(call.app) != colour:
            draining.stop(call, colour, pool, "drain", cut_connections=0)
        elif pool:
            units += [call.app.unit(port) for port in pool.ports]
    call.systemd.start(units, wait=False)
    return {"returned": returned, "started": [*units, *jobs.boot(call)]}
