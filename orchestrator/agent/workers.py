"""The processes of workers: find, start, ask to finish, and see whether new ones stay up."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orchestrator.agent import durable, envfile, jobunits
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.settings import Settings
from orchestrator.agent.systemd import number

_POLL_SECONDS = 0.1
_TELL_SECONDS = 5.0
_JOURNAL_LINES = 20
_GONE = ("inactive", "failed")
_SHOWN = ("ActiveState", "SubState", "NRestarts", "ExecMainStatus", "Job")


class Found(NamedTuple):
    """A process that has a unit on this host, whether it runs or not."""

    unit: str
    name: str
    release: str
    number: int


def found(app: AppLayout) -> list[Found]:
    """All of the app's, of every release. What else begins with the app's name has no release in its own."""
    form = re.compile(rf"{re.escape(app.name)}-worker-([a-z0-9-]+)@(\d{{14}}-[0-9a-f]{{8}})-(\d+)\.service")
    matches = (form.fullmatch(path.name) for path in app.host.units.glob(f"{app.name}-worker-*@*.service"))
    every = [Found(one[0], one[1], one[2], int(one[3])) for one in matches if one]
    return sorted(every, key=lambda one: (one.name, one.release, one.number))


def running(call: Call, those: Sequence[Found]) -> list[Found]:
    """Those that run, or are just ending."""
    shown = call.systemd.show([one.unit for one in those], ["ActiveState"])
    return [one for one in those if shown.get(one.unit, {}).get("ActiveState", "inactive") not in _GONE]


def write(call: Call, release: str, values: Settings, counts: dict[str, int]) -> bool:
    """The units of a release's workers. Returns: whether systemd has to read them."""
    changed = False
    for name, count in counts.items():
        write_env(call.app, release, values, f"worker-{name}")
        text = jobunits.worker(call.app, release, values, name).encode()
        for n in range(1, count + 1):
            changed |= write_unit(call.app, call.app.worker_unit(name, release, n), text)
    return changed


def write_env(app: AppLayout, release: str, values: Settings, job: str) -> None:
    """The environment of a job, that nobody but root can read."""
    kind, _, name = job.partition("-")
    process = (values.workers if kind == "worker" else values.cron)[name].process
    file = app.job_env(release, job)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    durable.write(
        file, envfile.encode(jobunits.environment(app, release, values, process)), 0o600, sync=False
    )


def write_unit(app: AppLayout, unit: str, content: bytes) -> bool:
    """A unit file. Returns: whether it differs from what was there."""
    path = app.host.units / unit
    if path.is_file() and path.read_bytes() == content:
        return False
    durable.write(path, content, sync=False)
    return True


def start(call: Call, units: Sequence[str]) -> list[str]:
    """Start those that do not run. Returns: them."""
    shown = call.systemd.show(units, ["ActiveState"])
    fresh = [unit for unit in units if shown.get(unit, {}).get("ActiveState") != "active"]
    call.systemd.forget_failures(fresh)
    call.systemd.start(fresh, wait=False)
    return fresh


def dismiss(call: Call, those: Sequence[Found]) -> None:
    """Ask processes to end. They may take their time; systemd ends them when it is over."""
    call.systemd.stop([one.unit for one in running(call, those)], wait=False)


def finish(call: Call, those: Sequence[Found]) -> float:
    """Ask processes to end and wait until they have: systemd ends each when its own time is over.

    Returns: how long that took (seconds).
    """
    begin = told = time.monotonic()
    left = running(call, those)
    call.systemd.stop([one.unit for one in left], wait=False)
    while left := running(call, left):
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            call.answers.progress(waiting_for=[one.unit for one in left], seconds=round(told - begin))
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - begin


def check(call: Call, units: Sequence[str], seconds: float) -> None:
    """Watch new processes for a while.

    Raises: ReleaseFailed: one ended, or was never up; with what it wrote.
    """
    until = time.monotonic() + seconds
    began = time.time()
    while units and seconds:
        shown = call.systemd.show(units, _SHOWN)
        for unit in units:
            if _ended(shown.get(unit, {})):
                raise _obituary(call, unit, shown.get(unit, {}), began)
        waiting = [unit for unit in units if shown[unit]["ActiveState"] != "active"]
        if time.monotonic() > until + (seconds if waiting else 0):
            if waiting:
                raise _obituary(call, waiting[0], shown[waiting[0]], began)
            return
        time.sleep(_POLL_SECONDS)


def _ended(unit: dict[str, str]) -> bool:
    """`start` has set the counters of restarts to 0, so any restart is an end.

    It has also only queued the start: until systemd takes that up, the unit looks as it did before.
    """
    restarts = number(unit.get("NRestarts", "")) or 0
    gone = unit.get("ActiveState") in (*_GONE, None) and not number(unit.get("Job", ""))
    return bool(restarts) or gone or unit.get("SubState") == "auto-restart"


def _obituary(call: Call, unit: str, shown: dict[str, str], began: float) -> ReleaseFailed:
    journal = call.systemd.journal(unit, _JOURNAL_LINES, began - 2) or "(it wrote nothing)"
    how = f"state {shown.get('SubState')}, exit status {shown.get('ExecMainStatus')}"
    why = f"{unit.removesuffix('.service')} ended right after its start ({how}); its last lines:\n{journal}"
    return ReleaseFailed("a worker does not stay up", why=why, unit=unit)


def states(call: Call, properties: Iterable[str]) -> list[tuple[Found, dict[str, str]]]:
    """Every process that has a unit, with what systemd shows of it."""
    those = found(call.app)
    shown = call.systemd.show([one.unit for one in those], tuple(properties))
    return [(one, shown.get(one.unit, {})) for one in those]
