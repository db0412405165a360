"""How a run of a cron entry ended, as systemd tells it. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from orchestrator.agent.systemd import number

GOOD = "success"
TIMED_OUT, SIGNALLED = 124, 128
"""Exit statuses of runs that have none of their own, as timeout(1) and shells give them."""
SHOWN = (
    "ActiveState", "InvocationID", "Result", "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestampMonotonic",
    "ExecMainExitTimestampMonotonic",
)  # fmt: skip
_EXITED = "1"
"""CLD_EXITED of waitid(2)."""


def outcome(shown: Mapping[str, str], monitor: Mapping[str, str], now: float) -> dict[str, Any]:
    """The run's fields.

    Args:
        shown: Properties of the service; another run's where one has begun already.
        monitor: What systemd hands to the unit that it starts after a run (MONITOR_…); may lack it.
        now: Seconds since the epoch.
    """
    is_same = monitor.get("MONITOR_INVOCATION_ID", shown.get("InvocationID")) == shown.get("InvocationID")
    started, ended = (
        _wall(shown.get(f"ExecMain{at}TimestampMonotonic", ""), now) for at in ("Start", "Exit")
    )
    started, ended = (started or now, ended or now) if is_same else (now, now)
    result = monitor.get("MONITOR_SERVICE_RESULT") or shown.get("Result", GOOD)
    return {
        "started_at": round(started, 3), "ended_at": round(max(started, ended), 3),
        "seconds": round(max(0.0, ended - started), 3), "result": result,
        "exit_status": _status(shown, result) if is_same else (0 if result == GOOD else 1),
    }  # fmt: skip


def _status(shown: Mapping[str, str], result: str) -> int:
    """The job's own exit status, or what stands for none."""
    status = number(shown.get("ExecMainStatus", "")) or 0
    if result == "timeout":
        return TIMED_OUT
    if shown.get("ExecMainCode") not in (_EXITED, "0", None):
        return SIGNALLED + status
    return status or (0 if result == GOOD else 1)


def _wall(monotonic: str, now: float) -> float | None:
    """systemd's and Python's monotonic clocks are the same (CLOCK_MONOTONIC)."""
    microseconds = number(monotonic)
    return now - (time.monotonic() - microseconds / 1e6) if microseconds else None
