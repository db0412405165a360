"""What `vpsdeploy workers` and `vpsdeploy cron` show, and what `status` shows of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.jobs import EntryFacts, JobsFacts, ProcessFacts
from orchestrator.model.job import Ended
from orchestrator.report import table

_WORKERS_HEAD = ("host", "worker", "release", "state", "memory", "uptime", "restarts")
_CRON_HEAD = ("host", "entry", "schedule", "next", "last start", "took", "last result")


def workers_text(facts: FleetFacts) -> str:
    """For people."""
    return _with_troubles(facts, workers_table(facts))


def workers_table(facts: FleetFacts) -> str:
    """One line for each process."""
    rows = [_worker(host.name, one) for host in facts.apps for one in host.jobs.processes]
    return table.render(_WORKERS_HEAD, rows) if rows else "no worker runs"


def workers_fields(facts: FleetFacts) -> dict[str, Any]:
    """For programs (kind "workers")."""
    found = [{"host": host.name, **asdict(one)} for host in facts.apps for one in host.jobs.processes]
    return {"live": facts.live or None, "processes": found, "troubles": troubles(facts)}


def cron_text(facts: FleetFacts) -> str:
    """For people."""
    return _with_troubles(facts, cron_table(facts))


def cron_table(facts: FleetFacts) -> str:
    """One line for each entry."""
    rows = [_entry(host.name, one) for host in facts.apps for one in host.jobs.entries]
    return table.render(_CRON_HEAD, rows) if rows else "no cron entry is there"


def cron_fields(facts: FleetFacts) -> dict[str, Any]:
    """For programs (kind "cron")."""
    found = [{"host": host.name, **entry_fields(one)} for host in facts.apps for one in host.jobs.entries]
    return {"live": facts.live or None, "entries": found, "troubles": troubles(facts)}


def run_text(ended: Ended) -> str:
    """How a run ended that was asked for."""
    how = (
        "ended well"
        if ended.result == "success"
        else f"failed ({ended.result}, exit status {ended.exit_status})"
    )
    return f"{ended.name} on {ended.host} {how} after {ended.seconds:.1f} s, with release {ended.release}"


def run_fields(ended: Ended) -> dict[str, Any]:
    """For programs (kind "cron_run")."""
    return {"ok": ended.result == "success", **asdict(ended)}


def fields(jobs: JobsFacts) -> dict[str, Any]:
    """Of one host (in kind "status")."""
    return {
        "release": jobs.release or None, "workers": jobs.workers,
        "processes": [asdict(one) for one in jobs.processes], "cron": [entry_fields(one) for one in jobs.entries],
    }  # fmt: skip


def entry_fields(one: EntryFacts) -> dict[str, Any]:
    """One cron entry."""
    return {**asdict(one), "next_at": one.next_at or None, "missed_at": one.missed_at or None}


def troubles(facts: FleetFacts) -> list[str]:
    """What is wrong with workers and cron entries, one sentence each."""
    return [f"{text} on {host.name}" for host in facts.apps for text in host.jobs.troubles]


def _with_troubles(facts: FleetFacts, shown: str) -> str:
    return "\n".join([*(f"warning: {text}" for text in troubles(facts)), shown])


def _worker(host: str, one: ProcessFacts) -> tuple[str, ...]:
    note = "" if one.wanted else ", ends its job"
    return (
        host, f"{one.worker} {one.number}", one.release, f"{one.state} ({one.sub_state}{note})",
        table.mib(one.memory_bytes), table.duration(one.uptime_seconds), str(one.restarts),
    )  # fmt: skip


def _entry(host: str, one: EntryFacts) -> tuple[str, ...]:
    last = one.last
    result = "running" if one.running else "-"
    if last and not one.running:
        result = last.result if last.result == "success" else f"{last.result} ({last.exit_status})"
    return (
        host, one.name, f"{one.schedule} {one.timezone}", one.next_at or "-", last.started_at if last else "-",
        table.duration(last.seconds) if last else "-", result,
    )  # fmt: skip
