"""ran: a cron entry's run has ended. Called by a unit of the host's own, once a run, good or bad."""

from __future__ import annotations

import os
import time
from typing import Any

from orchestrator.agent import cronruns, crontab, jobs
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError


def ran(call: Call) -> dict[str, Any]:
    """Note how it ended; a failure is also a line of the host's history."""
    name = call.request.name("name")
    if not name:
        raise UsageError("the request is wrong", why="name is missing")
    shown = call.systemd.show([call.app.cron_unit(name)], cronruns.SHOWN).get(call.app.cron_unit(name), {})
    ended = cronruns.outcome(shown, os.environ, time.time())
    with crontab.noted(call.app, name) as run:
        under_way = run.pop("under_way", None)
        invocation = os.environ.get("MONITOR_INVOCATION_ID", shown.get("InvocationID"))
        is_old = bool(under_way) and under_way["invocation"] == invocation
        ended["release"] = under_way["release"] if is_old else jobs.read(call.app).release
        run.update(ended)
        if ended["result"] == cronruns.GOOD:
            run["succeeded_at"] = ended["ended_at"]
    if ended["result"] != cronruns.GOOD:
        figures = {"name": name, "exit_status": ended["exit_status"], "seconds": ended["seconds"]}
        call.record("cron", old=None, new=ended["release"], result=ended["result"], **figures)
    return {"name": name, "result": ended["result"]}
