"""What a host says about the workers and cron entries of the app: parse(answer) -> JobsFacts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_GONE = ("inactive", "failed")


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process of a worker.

    Attributes:
        number: Of the processes of its worker on the host, from 1.
        wanted: Whether it should run; an old one ends its last job.
        memory_bytes: None where systemd does not count.
        uptime_seconds: 0 where it is not active.
        restarts: By systemd, since the last start (count).
    """

    unit: str
    worker: str
    number: int
    release: str
    wanted: bool
    state: str
    sub_state: str
    memory_bytes: int | None
    uptime_seconds: float
    restarts: int

    @property
    def is_down(self) -> bool:
        """Whether it should run and does not, or does not stay up."""
        return self.wanted and (self.state in _GONE or self.sub_state == "auto-restart")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A cron entry's last run. Times are ISO 8601, UTC; empty where there is none."""

    started_at: str
    ended_at: str
    seconds: float
    result: str
    exit_status: int
    release: str
    succeeded_at: str


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """A cron entry on the host that runs it.

    Attributes:
        armed: Whether its timer runs.
        running: Whether a run is under way.
        next_at: When it comes next; empty where it is not known.
        missed_at: When it should have come and did not; empty where it is not late.
        last: None before the first run.
    """

    name: str
    schedule: str
    timezone: str
    armed: bool
    running: bool
    next_at: str
    missed_at: str
    last: RunFacts | None

    @property
    def trouble(self) -> str:
        """What is wrong with it, for people; empty where nothing is."""
        if not self.armed:
            return "has a timer that does not run"
        if self.missed_at:
            return f"missed its run at {self.missed_at}"
        if self.last and self.last.result != "success":
            how = f"{self.last.result}, exit status {self.last.exit_status}"
            return f"failed ({how}) at {self.last.ended_at}"
        return ""


@dataclass(frozen=True, slots=True)
class JobsFacts:
    """What should run on the host and does.

    Attributes:
        release: Whose; empty for none.
        workers: Processes that should run, by worker (count).
        cron: Entries whose timers belong here.
    """

    release: str
    workers: dict[str, int]
    cron: tuple[str, ...]
    processes: tuple[ProcessFacts, ...]
    entries: tuple[EntryFacts, ...]

    @property
    def troubles(self) -> list[str]:
        """What is wrong, one sentence each."""
        down = [
            f"worker {one.worker} {one.number} does not run ({one.state}, {one.sub_state})"
            for one in self.processes
            if one.is_down
        ]
        return down + [f"cron entry {one.name} {one.trouble}" for one in self.entries if one.trouble]

    @property
    def is_whole(self) -> bool:
        """Whether all that should run was not stopped: one that does not stay up is another matter."""
        up = {(one.worker, one.number) for one in self.processes if one.wanted and one.state not in _GONE}
        wanted = {(name, n + 1) for name, count in self.workers.items() for n in range(count)}
        return up == wanted and all(entry.armed for entry in self.entries)


NONE = JobsFacts("", {}, (), (), ())
"""A host without workers and cron entries."""


def parse(raw: Json | None) -> JobsFacts:
    """Read the field `jobs` of a host's facts."""
    if not raw:
        return NONE
    return JobsFacts(
        release=str(raw["release"] or ""),
        workers={str(name): int(count) for name, count in raw["workers"].items()},
        cron=tuple(raw["cron"]),
        processes=tuple(_process(one) for one in raw["processes"]),
        entries=tuple(_entry(one) for one in raw["entries"]),
    )


def _process(raw: Json) -> ProcessFacts:
    memory = raw["memory_bytes"]
    return ProcessFacts(
        unit=str(raw["unit"]),
        worker=str(raw["worker"]),
        number=int(raw["number"]),
        release=str(raw["release"]),
        wanted=bool(raw["wanted"]),
        state=str(raw["state"]),
        sub_state=str(raw["sub_state"]),
        memory_bytes=None if memory is None else int(memory),
        uptime_seconds=float(raw["uptime_seconds"] or 0),
        restarts=int(raw["restarts"] or 0),
    )


def _entry(raw: Json) -> EntryFacts:
    last = raw["last"]
    texts = {key: str(raw[key] or "") for key in ("name", "schedule", "timezone", "next_at", "missed_at")}
    return EntryFacts(
        armed=bool(raw["armed"]), running=bool(raw["running"]), last=_run(last) if last else None, **texts
    )


def _run(raw: Json) -> RunFacts:
    texts = {
        key: str(raw[key] or "") for key in ("started_at", "ended_at", "result", "release", "succeeded_at")
    }
    return RunFacts(seconds=float(raw["seconds"] or 0), exit_status=int(raw["exit_status"] or 0), **texts)
