"""cron-run: run a cron entry now, and say how it ended. The run is the host's: it goes on if the caller is lost."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

from orchestrator.agent import cronruns, jobs
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed, UsageError
from orchestrator.agent.verbs.logs import entry, lines_of

_POLL_SECONDS = 0.1
_QUIET_SECONDS = 0.5
"""How long the journal must say nothing after the end of a run, before all of it has been read."""
_GONE = ("inactive", "failed", None)


def cron_run(call: Call) -> dict[str, Any]:
    """Start the entry's service as its timer would, wait for its end, and pass on what it writes meanwhile."""
    name, record = call.request.name("name"), jobs.read(call.app)
    if name not in record.cron:
        known = ", ".join(record.cron) or "none"
        raise UsageError(f"no cron entry {name!r} on this host", why=f"entries here: {known}")
    unit = call.app.cron_unit(name)
    if call.systemd.show([unit], ["ActiveState"])[unit]["ActiveState"] not in _GONE:
        raise ReleaseFailed(
            f"cron entry {name} is running", why="an entry never runs twice at a time", state="it goes on"
        )
    began = time.time()
    call.systemd.forget_failures([unit])
    call.systemd.start([unit], wait=False)
    is_over = _watch(call, unit)
    if call.request.flag("follow"):
        _follow(call, unit, began, is_over)
    while not is_over():
        time.sleep(_POLL_SECONDS)
    ended = cronruns.outcome(call.systemd.show([unit], cronruns.SHOWN)[unit], {}, time.time())
    call.record(
        "cron-run", old=None, new=record.release, result=ended["result"], name=name, seconds=ended["seconds"]
    )
    return {"name": name, "release": record.release, **ended}


def _watch(call: Call, unit: str) -> Callable[[], bool]:
    """Whether the run has ended. `start` returns with the job queued: until then the unit looks as it did before."""

    def is_over() -> bool:
        shown = call.systemd.show([unit], ["ActiveState", "Job"])[unit]
        return shown["ActiveState"] in _GONE and shown.get("Job", "0") in ("", "0")

    return is_over


def _follow(call: Call, unit: str, began: float, is_over: Callable[[], bool]) -> None:
    command = [
        "journalctl",
        f"_SYSTEMD_UNIT={unit}",
        "--output=json",
        "--no-pager",
        "--quiet",
        "--all",
        "--follow",
    ]
    command += ["--lines=all", f"--since=@{int(began)}"]
    quiet_since, is_whole = time.monotonic(), False

    def is_read() -> bool:
        nonlocal is_whole
        if is_over() and not is_whole:
            # What the run wrote last may be on its way to the journal yet; then its reader gets another look's time.
            call.systemd.ask(["journalctl", "--sync"])
            is_whole = True
            return False
        return is_whole and time.monotonic() - quiet_since > _QUIET_SECONDS

    with subprocess.Popen(command, stdout=subprocess.PIPE) as journal:
        try:
            for line in lines_of(journal.stdout, call, is_read):  # type: ignore[arg-type] # it is a pipe: we asked for one
                quiet_since = time.monotonic()
                call.answers.line({"event": "log", **entry(json.loads(line))})
        finally:
            journal.terminate()
