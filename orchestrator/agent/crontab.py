"""Cron entries on this host: their timers, and what is known of their runs.

A timer whose schedule stays is never stopped, so no tick is lost or comes twice while a release changes over; only the
service that it starts is written anew. Any other timer starts from a stamp that we set: what was due before is not due
again. A timer that comes from another host starts from that one's stamp.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.agent import durable, jobunits, mutex, workers
from orchestrator.agent.call import Call
from orchestrator.agent.jobsettings import Entry
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.settings import Settings

LATE_SECONDS = 90.0
"""A tick that has not come for so long is missed (our choice: a busy host may be a minute behind)."""
_POLL_SECONDS = 0.2
_TELL_SECONDS = 5.0
_GONE = ("inactive", "failed", None)


def pause(call: Call, names: Sequence[str], values: Settings | None) -> None:
    """Before units are written anew: stop timers that get another schedule by `values`, or all where there are none.

    Another schedule counts from now on; so does one that comes back after its timer was stopped by somebody else.
    """
    changed = [name for name in names if values is None or _is_other(call, values, name)]
    timers = {name: call.app.cron_unit(name, "timer") for name in changed}
    shown = call.systemd.show(list(timers.values()), ["ActiveState"])
    call.systemd.stop(list(timers.values()))
    for name, timer in timers.items():
        if values is not None or shown.get(timer, {}).get("ActiveState") != "active":
            _stamp(call.app, name, None)
        if values is not None:
            with noted(call.app, name) as run:
                run["since"] = time.time()


def note_runs(call: Call, release: str, names: Sequence[str]) -> None:
    """Note the release of each run that is under way: it goes on with it, whatever the unit says from now on."""
    for name, shown in _services(call, names).items():
        if shown.get("ActiveState") in _GONE:
            continue
        with noted(call.app, name) as run:
            if run.get("under_way", {}).get("invocation") != shown.get("InvocationID"):
                run["under_way"] = {"invocation": shown.get("InvocationID"), "release": release}


def write(call: Call, release: str, values: Settings, names: Sequence[str]) -> bool:
    """The units of entries. Returns: whether systemd has to read them."""
    changed = False
    for name in names:
        workers.write_env(call.app, release, values, f"cron-{name}")
        texts = {
            call.app.cron_unit(name): jobunits.cron(call.app, release, values, name),
            call.app.cron_unit(name, "timer"): jobunits.timer(call.app, values, name),
            f"{call.app.name}-cron-ran@.service": jobunits.ran(call.app),
        }
        for unit, text in texts.items():
            changed |= workers.write_unit(call.app, unit, text.encode())
    return changed


def arrive(call: Call, values: Settings, handover: dict[str, Any], kept: Sequence[str]) -> None:
    """Start the timers that do not run.

    Args:
        call: The host.
        values: Of the release.
        handover: Every entry of this host, with what another host knew of it or None.
        kept: Entries that this host had before.
    """
    timers = {name: call.app.cron_unit(name, "timer") for name in handover}
    shown = call.systemd.show(list(timers.values()), ["ActiveState"])
    for name, timer in timers.items():
        if shown.get(timer, {}).get("ActiveState") == "active":
            continue
        known = handover[name] or {}
        if name not in kept:
            with noted(call.app, name) as run:
                run.clear()
                run.update({**known.get("run", {}), "since": known.get("stamp") or time.time()})
        if name not in kept or not values.cron[name].catch_up:
            _stamp(call.app, name, known.get("stamp"))
        call.systemd.start([timer])


def leave(call: Call, names: Sequence[str], finish: Sequence[str]) -> dict[str, Any]:
    """Take entries off this host; `pause` has stopped their timers. A run that is under way goes on to its end.

    Returns: what the host that gets them has to know, by name.
    """
    _wait_for(call, [name for name in names if name in finish])
    found = {}
    for name in names:
        stamp = call.app.stamp(name)
        found[name] = {
            "stamp": stamp.stat().st_mtime if stamp.exists() else None,
            "run": {key: value for key, value in read(call.app, name).items() if key != "under_way"},
        }
        durable.remove(call.layout.units / call.app.cron_unit(name, "timer"))
    return found


def boot(call: Call, names: Sequence[str], values: Settings) -> None:
    """Start timers after a start of the host; what was missed meanwhile is made up for only where that is asked for."""
    for name in names:
        if not values.cron[name].catch_up:
            _stamp(call.app, name, None)
    call.systemd.start([call.app.cron_unit(name, "timer") for name in names], wait=False)


def sweep(call: Call, names: Sequence[str]) -> bool:
    """Remove services of entries that are not here any more, once their last run has ended. Returns: whether any."""
    prefix = f"{call.app.name}-cron-"
    kept = {call.app.cron_unit(name) for name in names}
    files = [path for path in call.layout.units.glob(f"{prefix}*.service") if "@" not in path.name]
    gone = [path for path in files if path.name not in kept and path.with_suffix(".timer").name not in kept]
    ours = [path for path in gone if call.app.cron_run_file(path.stem.removeprefix(prefix)).exists()]
    busy = _services(call, [path.stem.removeprefix(prefix) for path in ours])
    idle = [path for path in ours if busy[path.stem.removeprefix(prefix)].get("ActiveState") in _GONE]
    for path in idle:
        path.unlink()
        call.app.cron_run_file(path.stem.removeprefix(prefix)).unlink()
    return bool(idle)


def busy(call: Call) -> set[str]:
    """Releases of runs that began before their unit was written anew, and go on."""
    runs = {
        path.stem: read(call.app, path.stem).get("under_way") for path in call.app.cron_runs.glob("*.json")
    }
    under_way = {name: run for name, run in runs.items() if run}
    shown = _services(call, list(under_way))
    going = (name for name in under_way if shown[name].get("ActiveState") not in _GONE)
    return {
        under_way[name]["release"]
        for name in going
        if shown[name].get("InvocationID") == under_way[name]["invocation"]
    }


def read(app: AppLayout, name: str) -> dict[str, Any]:
    """What is known of an entry's runs on this host."""
    found = durable.read_json(app.cron_run_file(name))
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def noted(app: AppLayout, name: str) -> Iterator[dict[str, Any]]:
    """Change what is known of an entry's runs; one at a time, but not only while no release changes over."""
    with mutex.held(app.cron_runs / ".mutex", wait_seconds=60):
        run = read(app, name)
        yield run
        durable.write_json(app.cron_run_file(name), run)


def due(call: Call, entry: Entry, run: dict[str, Any], now: float) -> tuple[float | None, float | None]:
    """When the entry should have come since its last run, and when it comes next (seconds since the epoch).

    The first is None where it is not late.
    """
    last = max(run.get("since") or 0, run.get("started_at") or 0, run.get("ended_at") or 0)
    following = call.systemd.elapses(entry.events, last or now)
    if following is None or following > now:
        return None, following
    late = following if now - following > LATE_SECONDS else None
    return late, call.systemd.elapses(entry.events, now)


def _is_other(call: Call, values: Settings, name: str) -> bool:
    path = call.layout.units / call.app.cron_unit(name, "timer")
    return not path.is_file() or path.read_text() != jobunits.timer(call.app, values, name)


def _services(call: Call, names: Sequence[str]) -> dict[str, dict[str, str]]:
    units = {name: call.app.cron_unit(name) for name in names}
    shown = call.systemd.show(list(units.values()), ["ActiveState", "InvocationID"])
    return {name: shown.get(unit, {}) for name, unit in units.items()}


def _wait_for(call: Call, names: Sequence[str]) -> None:
    """Wait until no run of some entries is under way; each has a time limit of its own."""
    begin = told = time.monotonic()
    while going := [
        name for name, shown in _services(call, names).items() if shown.get("ActiveState") not in _GONE
    ]:
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            call.answers.progress(waiting_for=going, seconds=round(told - begin))
        time.sleep(_POLL_SECONDS)


def _stamp(app: AppLayout, name: str, moment: float | None) -> None:
    """Nothing that was due before this moment is due any more."""
    path = app.stamp(name)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.touch(mode=0o644)
    moment = min(moment or time.time(), time.time())
    os.utime(path, (moment, moment))
