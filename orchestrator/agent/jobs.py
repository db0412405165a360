"""Which workers and cron entries run on this host, with which release: the record, and making it true.

jobs.json says what should run; it is written first, so that a boot, or the next command, goes on from there. How many
processes a host runs, and which entries, is the controller's choice: it sees the whole fleet.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator.agent import crontab, durable, releases, workers
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, UsageError
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.settings import Settings


class Record(NamedTuple):
    """What jobs.json says: processes by worker (count), and the entries whose timers are here."""

    release: str = ""
    workers: dict[str, int] = {}  # noqa: RUF012 - never changed: records are replaced whole
    cron: tuple[str, ...] = ()


class Manner(NamedTuple):
    """How a change is made.

    Attributes:
        alone: Workers of which no old process may run once a new one starts, here or on another host.
        finish: Cron entries that leave: whether a run ends before the answer.
        handover: What another host knew of an entry that comes here, by name.
        check_seconds: How long new workers must run before they are believed in; 0 does not look.
    """

    alone: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    handover: dict[str, Any] = {}  # noqa: RUF012 - never changed
    check_seconds: float = 0.0


def read(app: AppLayout) -> Record:
    """What should run; nothing where no release with jobs was ever here."""
    raw = durable.read_json(app.jobs_file)
    return Record(raw["release"], dict(raw["workers"]), tuple(raw["cron"])) if raw else Record()


def apply(call: Call, wanted: Record, manner: Manner) -> dict[str, Any]:
    """Change over to what is wanted. What fails is taken back: the old jobs run again.

    Raises: ReleaseFailed: a new worker does not stay up.
    """
    old = read(call.app)
    values = _settings(call, wanted)
    try:
        return _put(call, old, wanted, values, manner)
    except AgentError as error:
        error.state = error.state or _take_back(call, wanted, old, manner)
        raise


def boot(call: Call) -> list[str]:
    """Start what should run, after a start of the host. Returns: the units."""
    record = read(call.app)
    if not record.release:
        return []
    values = releases.settings_of(call.app, record.release)
    units = _write(call, record, values)
    crontab.boot(call, record.cron, values)
    call.systemd.start(units, wait=False)
    return [*units, *(call.app.cron_unit(name, "timer") for name in record.cron)]


def _settings(call: Call, wanted: Record) -> Settings | None:
    """The settings of the wanted release, which must have all that is wanted of it."""
    if not wanted.release:
        return None
    values = releases.settings_of(call.app, wanted.release)
    unknown = [*(wanted.workers.keys() - values.workers.keys()), *(set(wanted.cron) - values.cron.keys())]
    if unknown:
        why = f"release {wanted.release} has no worker or cron entry {', '.join(sorted(unknown))}"
        raise UsageError("the request is wrong", why=why)
    return values


def _put(call: Call, old: Record, wanted: Record, values: Settings | None, manner: Manner) -> dict[str, Any]:
    durable.write_json(call.app.jobs_file, wanted._asdict())
    leaving = [name for name in old.cron if name not in wanted.cron]
    crontab.note_runs(call, old.release, old.cron)
    crontab.pause(call, leaving, None)
    crontab.pause(call, [name for name in old.cron if name in wanted.cron], values)
    units = _write(call, wanted, values) if values else []
    handover = crontab.leave(call, leaving, manner.finish)
    if values:
        crontab.arrive(call, values, {name: manner.handover.get(name) for name in wanted.cron}, old.cron)
    alone = {
        *manner.alone,
        *(name for name, job in (values.workers if values else {}).items() if job.exclusive),
    }
    others = [one for one in workers.found(call.app) if one.unit not in units]
    waited = workers.finish(call, [one for one in others if one.name in alone])
    fresh = workers.start(call, units)
    workers.dismiss(call, [one for one in others if one.name not in alone])
    workers.check(call, fresh, manner.check_seconds)
    if old != wanted:
        call.record(
            "jobs", old=old.release or None, new=wanted.release or None, result="started", workers=wanted.workers,
            cron=list(wanted.cron), waited_seconds=round(waited, 1),
        )  # fmt: skip
    return {"started": fresh, "handover": handover, "waited_seconds": round(waited, 1)}


def _write(call: Call, record: Record, values: Settings) -> list[str]:
    """Every unit of a record on disk and known to systemd. Returns: the workers' units."""
    changed = workers.write(call, record.release, values, record.workers)
    changed |= crontab.write(call, record.release, values, record.cron)
    units = [
        call.app.worker_unit(name, record.release, n + 1)
        for name, count in record.workers.items() for n in range(count)
    ]  # fmt: skip
    durable.sync_filesystems(call.app.slots, call.app.host.units)
    if changed or call.systemd.outdated([*units, *(call.app.cron_unit(name) for name in record.cron)]):
        call.systemd.reload()
    return units


def _take_back(call: Call, failed: Record, old: Record, manner: Manner) -> str:
    """Returns: the state that this leaves."""
    if old == failed:
        return ""
    try:
        values = _settings(call, old)
        _put(call, failed, old, values, manner._replace(finish=(), handover={}, check_seconds=0.0))
    except AgentError as error:
        return (
            f"the old workers could not be started again ({error.what}: {error.why}); the next command does"
        )
    return f"the workers and cron entries of {old.release} run again" if old.release else "no worker runs"


def needed(call: Call) -> set[str]:
    """Releases that a job still runs with: those of the record, of workers that end a job, and of runs under way."""
    record, app = read(call.app), call.app
    busy = {one.release for one in workers.running(call, workers.found(app))}
    return ({record.release} | busy | crontab.busy(call)) - {""}


def sweep(call: Call) -> None:
    """Remove unit files and environments of releases whose workers have ended."""
    record = read(call.app)
    keep = needed(call)
    gone = [one for one in workers.found(call.app) if one.release not in keep]
    for one in gone:
        (call.layout.units / one.unit).unlink(missing_ok=True)
    for path in call.app.job_envs.glob("*"):
        if path.name not in keep:
            durable.remove_tree(path)
    stale = crontab.sweep(call, record.cron)
    if gone or stale:
        call.systemd.reload()
