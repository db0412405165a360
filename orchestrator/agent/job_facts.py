"""What `facts` says about workers and cron entries."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.agent import crontab, jobs, releases, workers
from orchestrator.agent.call import Call
from orchestrator.agent.systemd import number, uptime_seconds

_SHOWN = ("ActiveState", "SubState", "MemoryCurrent", "NRestarts", "ActiveEnterTimestampMonotonic")
_GONE = ("inactive", "failed", None)
_TIMES = ("started_at", "ended_at", "succeeded_at")


def of(call: Call) -> dict[str, Any]:
    """What should run, every process that does or should, and every entry with its last run."""
    record = jobs.read(call.app)
    return {
        "release": record.release or None, "workers": record.workers, "cron": list(record.cron),
        "processes": _processes(call, record), "entries": _entries(call, record),
    }  # fmt: skip


def _processes(call: Call, record: jobs.Record) -> list[dict[str, Any]]:
    """Those of the record, and old ones that still end their job."""
    found = []
    for one, shown in workers.states(call, _SHOWN):
        wanted = one.release == record.release and one.number <= record.workers.get(one.name, 0)
        if wanted or shown.get("ActiveState") not in _GONE:
            found.append({
                "unit": one.unit, "worker": one.name, "number": one.number, "release": one.release, "wanted": wanted,
                "state": shown.get("ActiveState"), "sub_state": shown.get("SubState"),
                "memory_bytes": number(shown.get("MemoryCurrent", "")), "restarts": number(shown.get("NRestarts", "")),
                "uptime_seconds": uptime_seconds(shown),
            })  # fmt: skip
    return found


def _entries(call: Call, record: jobs.Record) -> list[dict[str, Any]]:
    if not record.cron:
        return []
    settings = releases.settings_of(call.app, record.release).cron
    units = [call.app.cron_unit(name, kind) for name in record.cron for kind in ("service", "timer")]
    shown, now = call.systemd.show(units, ["ActiveState"]), time.time()
    return [_entry(call, name, settings[name], shown, now) for name in record.cron]


def _entry(call: Call, name: str, entry: Any, shown: dict[str, dict[str, str]], now: float) -> dict[str, Any]:
    run = crontab.read(call.app, name)
    states = {
        kind: shown.get(call.app.cron_unit(name, kind), {}).get("ActiveState")
        for kind in ("service", "timer")
    }
    is_running = states["service"] not in _GONE
    late, following = crontab.due(call, entry, run, now)
    last = {**{key: run.get(key) for key in ("result", "exit_status", "seconds", "release")},
            **{key: _iso(run.get(key)) for key in _TIMES}}  # fmt: skip
    return {
        "name": name, "schedule": entry.schedule, "timezone": entry.timezone, "armed": states["timer"] == "active",
        "running": is_running, "next_at": _iso(following), "missed_at": None if is_running else _iso(late),
        "last": last if run.get("ended_at") else None,
    }  # fmt: skip


def _iso(moment: float | None) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) if moment else None
