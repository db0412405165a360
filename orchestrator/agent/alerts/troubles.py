"""What is wrong with an app on this host, each thing under a name that stays the same as long as it is the same."""

from __future__ import annotations

import calendar
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import certificates, durable, job_facts, pools
from orchestrator.agent.alerts import held
from orchestrator.agent.backup import settings as backup_settings
from orchestrator.agent.backup import state as backup_state
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError
from orchestrator.agent.systemd import number

FULL, CALM = 0.90, 0.87
"""Part of a file system, or of its inodes, from which on it is told; below the second that is over (our choice)."""

_REBUILD_SECONDS = 3600.0
"""A rebuild that has not ended is told of after so long: until then somebody is at it (our choice)."""

_OF_SERVICES = ("postgresql", "mysql", "redis", "rabbitmq", "nats", "mongodb", "kafka")
"""Directories of databases and brokers: each may be a disk of its own."""

_UP = ("active", "reloading")
SERVICES = "down"
"""The part that things that run are looked at as, and how the names of its troubles begin."""

_UNPROVEN, _NONE = "unproven", "none"


class Found(NamedTuple):
    """What one look sees.

    Attributes:
        lasting: Told as soon as it is seen: texts by name.
        passing: Told only where the next look sees it, too: services that a restart or a release stops for a moment.
        blind: Parts that could not be looked at: of theirs nothing has begun or ended.
        restarts: How often systemd has started each service again by itself (count).
    """

    lasting: dict[str, str]
    passing: dict[str, str]
    blind: set[str]
    restarts: dict[str, int]


class Past(NamedTuple):
    """What the look before has left.

    Attributes:
        known: Names of what was told and has not ended: a disk has to be clearly better, not just so.
        restarts: As it found them.
    """

    known: Collection[str]
    restarts: Mapping[str, int]


class Part(NamedTuple):
    """One thing that is looked at; its name is the first word of the names of its troubles.

    Attributes:
        look: What is wrong; it may note restarts.
        what: For people.
        passes: Whether it has to be seen twice.
    """

    look: Callable[[Call, Past, dict[str, int]], dict[str, str]]
    what: str
    passes: bool = False


def of(call: Call, past: Past) -> Found:
    """Look at every part; one that cannot be looked at is a trouble itself, and hides none of the others."""
    found = Found({}, {}, set(), {})
    for name, part in PARTS.items():
        try:
            (found.passing if part.passes else found.lasting).update(part.look(call, past, found.restarts))
        except Exception as error:  # noqa: BLE001 - whatever it is: who is told of nothing believes that all is well
            found.blind.add(name)
            why = (
                f"{error.what}: {error.why}"
                if isinstance(error, AgentError)
                else f"{type(error).__name__}: {error}"
            )
            found.passing[f"look {name}"] = f"the host cannot look after {part.what}: {why}"
    return found


def part_of(name: str) -> str:
    """The part that a trouble's name belongs to."""
    return name.partition(" ")[0]


def _backups(call: Call, *_: object) -> dict[str, str]:
    if not call.app.backup_file.exists() or _is_being_rebuilt(call):
        return {}
    found = backup_settings.read(call)
    named = backup_state.named_troubles(call, found, backup_state.read(call), time.time())
    spared = (_UNPROVEN,) if _first_is_due(call, found) else (_UNPROVEN, _NONE)
    return {f"backup {name}": f"backups: {text}" for name, text in named if not name.startswith(spared)}


def _is_being_rebuilt(call: Call) -> bool:
    begun = backup_state.unfinished(call)
    if begun is None:
        return False
    since = calendar.timegm(time.strptime(str(begun["began"]), "%Y-%m-%dT%H:%M:%SZ"))
    return time.time() - since < _REBUILD_SECONDS


def _first_is_due(call: Call, found: backup_settings.Settings) -> bool:
    """Whether there should be a backup by now: a host that was provisioned today has none yet."""
    keys = call.app.backup_keys / backup_settings.PASSWORD
    since = keys.stat().st_mtime if keys.exists() else time.time()
    grace = found.jitter_seconds + backup_state.GRACE_SECONDS
    return backup_state.overdue(call, found.events, since, grace, time.time())


def _certificate(call: Call, *_: object) -> dict[str, str]:
    if certificates.settings(call.app) is None:
        return {}
    found = certificates.current(call)
    if found is None or found.part_left(time.time()) >= certificates.ALERT_PART:
        return {}
    return {"certificate": certificates.troubles(call, time.time())[-1]}


def _disks(call: Call, past: Past, _: object) -> dict[str, str]:
    of_services = (call.layout.root / "var/lib" / name for name in _OF_SERVICES)
    places = [
        call.layout.root,
        call.app.home,
        call.layout.state,
        call.layout.root / "var/log",
        *of_services,
        *_targets(call),
    ]
    there = {place.stat().st_dev: place for place in reversed(places) if place.is_dir()}
    found = {}
    for place in there.values():
        name = f"disk {place}"
        used, what = _fullest(place)
        if used >= (CALM if name in past.known else FULL):
            found[name] = f"the disk of {place} is filling: {used:.0%} of its {what} are used"
        if _is_read_only(place):
            found[f"{name} read-only"] = f"the disk of {place} takes nothing: it is read-only"
    return found


def _targets(call: Call) -> list[Path]:
    """Directories that backups go to."""
    told = durable.read_json(call.app.backup_file) or {}
    return [
        Path(str(one["repository"])) for one in told.get("targets", {}).values() if one.get("kind") == "local"
    ]


def _fullest(place: Path) -> tuple[float, str]:
    figures = os.statvfs(place)
    room = figures.f_blocks - figures.f_bfree + figures.f_bavail
    bytes_used = 1 - figures.f_bavail / room if room else 0.0
    inodes_used = 1 - figures.f_favail / figures.f_files if figures.f_files else 0.0
    return max((bytes_used, "bytes"), (inodes_used, "inodes"))


def _is_read_only(place: Path) -> bool:
    """As a kernel makes a file system that has errors. Source: mount(8), errors=remount-ro."""
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def _entries(call: Call, *_: object) -> dict[str, str]:
    found = {}
    for one in job_facts.of(call)["entries"]:
        last = one["last"] or {}
        why = ""
        if not one["armed"]:
            why = "has a timer that does not run"
        elif one["missed_at"]:
            why = f"missed its run at {one['missed_at']}"
        elif last and last["result"] != "success":
            why = f"failed ({last['result']}, exit status {last['exit_status']}) at {last['ended_at']}"
        if why:
            found[f"cron {one['name']}"] = f"cron entry {one['name']} {why}"
    return found


def _services(call: Call, past: Past, restarts: dict[str, int]) -> dict[str, str]:
    """What does not run, and what ends again and again: most of the time that runs."""
    found = dict[str, str]()
    units = _units(call)
    shown = call.systemd.show(list(units), ["ActiveState", "SubState", "Result", "NRestarts"])
    for unit, what in units.items():
        state = shown.get(unit, {})
        restarts[f"down {unit}"] = number(state.get("NRestarts", "")) or 0
        if state.get("ActiveState") not in _UP:
            how = f"{state.get('ActiveState', 'gone')}, {state.get('Result') or state.get('SubState')}"
            found[f"down {unit}"] = f"{what} does not run: {unit} is {how}"
    for one in job_facts.of(call)["processes"]:
        name = f"{one['worker']} {one['number']}"
        restarts[f"down worker {name}"] = one["restarts"] or 0
        if one["wanted"] and one["state"] not in _UP:
            found[f"down worker {name}"] = f"worker {name} does not run: {one['state']}, {one['sub_state']}"
    again = {name: count - past.restarts.get(name, count) for name, count in restarts.items()}
    return {
        **{name: f"{name.removeprefix('down ')} ends again and again: {count} restarts since the last look"
           for name, count in again.items() if count > 0}, **found,
    }  # fmt: skip


def _units(call: Call) -> dict[str, str]:
    """What should run here, by unit."""
    found = {}
    if "loadbalancer" in (durable.read_json(call.app.facts_file) or {}).get("roles", ()):
        found["nginx.service"] = "the load balancer"
    for pool in pools.read(call.app).values():
        if pool and pool.state == pools.RUNNING:
            found |= {call.app.unit(port): f"an instance of {pool.release}" for port in pool.ports}
    for path in sorted(call.layout.services.glob("*.json")):
        told: dict[str, Any] = durable.read_json(path) or {}
        if told.get("app") == call.app.name and told.get("unit"):
            found[str(told["unit"])] = str(told["service"])
    return found


PARTS: Mapping[str, Part] = {
    "backup": Part(_backups, "backups"),
    "certificate": Part(_certificate, "the certificate"),
    "disk": Part(_disks, "its disks"),
    "cron": Part(_entries, "cron entries"),
    "updates": Part(held.look, "updates of its databases and brokers", passes=True),
    SERVICES: Part(_services, "services", passes=True),
}
