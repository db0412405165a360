"""jobs: which workers and cron entries run here, and with which release."""

from __future__ import annotations

from typing import Any

from orchestrator.agent import jobs as host_jobs
from orchestrator.agent.call import Call
from orchestrator.agent.failures import UsageError
from orchestrator.agent.jobs import Manner, Record
from orchestrator.agent.request import JOB

_MOST_INSTANCES = 99


def jobs(call: Call) -> dict[str, Any]:
    """Change over to what is asked for; all of it, or what ran before goes on."""
    request = call.request
    wanted = Record(
        request.release if request.text("release", "") else "",
        _counts(request.fields.get("workers") or {}),
        _names("cron", request.fields.get("cron") or []),
    )
    manner = Manner(
        _names("alone", request.fields.get("alone") or []),
        _names("finish", request.fields.get("finish") or []),
        _handover(request.fields.get("handover") or {}),
        request.seconds("check_seconds", most=300) if "check_seconds" in request.fields else 0.0,
    )
    if not wanted.release and (wanted.workers or wanted.cron):
        raise UsageError("the request is wrong", why="workers and cron entries need a release")
    return host_jobs.apply(call, wanted, manner)


def _counts(raw: Any) -> dict[str, int]:
    if not isinstance(raw, dict):
        raise _wrong("workers", raw)
    _names("workers", list(raw))
    for name, count in raw.items():
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_INSTANCES:
            raise _wrong(f"workers.{name}", count)
    return dict(raw)


def _names(field: str, raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) and JOB.fullmatch(name) for name in raw):
        raise _wrong(field, raw)
    return tuple(sorted(set(raw)))


def _handover(raw: Any) -> dict[str, Any]:
    """What another host answered. It is kept and shown, and one number of it is a time."""
    if not isinstance(raw, dict):
        raise _wrong("handover", raw)
    _names("handover", list(raw))
    for name, known in raw.items():
        if not isinstance(known, dict) or not isinstance(known.get("run", {}), dict):
            raise _wrong(f"handover.{name}", known)
        times = (
            known.get("stamp"),
            *(known.get("run", {}).get(key) for key in ("since", "started_at", "ended_at")),
        )
        if not all(isinstance(moment, (int, float, type(None))) for moment in times):
            raise _wrong(f"handover.{name}", known)
    return dict(raw)


def _wrong(field: str, value: Any) -> UsageError:
    return UsageError("the request is wrong", why=f"{field} is {str(value)[:100]!r}")
