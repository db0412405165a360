"""What is wrong with an app on this host, each thing under a name that stays the same as long as it is the same."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import certificates, durable, job_facts, pools
from orchestrator.agent.backup import settings as backup_settings
from orchestrator.agent.backup import state as backup_state
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError

FULL, CALM = 0.90, 0.87
"""Part of a file system, or of its inodes, from which on it is told; below the second that is over (our choice)."""

_UP = ("active", "reloading")
_UNPROVEN, _NONE = "unproven", "none"


def lasting(call: Call, known: set[str]) -> dict[str, str]:
    """What is told as soon as it is seen.

    Args:
        call: For the app.
        known: Names of what was told and has not ended: a disk has to be clearly better, not just so.
    """
    return {**_backups(call), **_certificate(call), **_disks(call, known), **_entries(call)}


def passing(call: Call) -> dict[str, str]:
    """What is told only where the next look sees it, too: services that a restart or a release stops for a moment."""
    found = dict[str, str]()
    units = _units(call)
    shown = call.systemd.show(list(units), ["ActiveState", "SubState", "Result"])
    for unit, what in units.items():
        state = shown.get(unit, {})
        if state.get("ActiveState") not in _UP:
            how = f"{state.get('ActiveState', 'gone')}, {state.get('Result') or state.get('SubState')}"
            found[f"down {unit}"] = f"{what} does not run: {unit} is {how}"
    for one in job_facts.of(call)["processes"]:
        if one["wanted"] and one["state"] not in _UP:
            name = f"{one['worker']} {one['number']}"
            found[f"down worker {name}"] = f"worker {name} does not run: {one['state']}, {one['sub_state']}"
    return found


def _backups(call: Call) -> dict[str, str]:
    if not call.app.backup_file.exists():
        return {}
    found = backup_settings.read(call)
    named = backup_state.named_troubles(call, found, backup_state.read(call), time.time())
    spared = (_UNPROVEN,) if _first_is_due(call, found) else (_UNPROVEN, _NONE)
    return {f"backup {name}": f"backups: {text}" for name, text in named if not name.startswith(spared)}


def _first_is_due(call: Call, found: backup_settings.Settings) -> bool:
    """Whether there should be a backup by now: a host that was provisioned today has none yet."""
    keys = call.app.backup_keys / backup_settings.PASSWORD
    since = keys.stat().st_mtime if keys.exists() else time.time()
    grace = found.jitter_seconds + backup_state.GRACE_SECONDS
    return backup_state.overdue(call, found.events, since, grace, time.time())


def _certificate(call: Call) -> dict[str, str]:
    if certificates.settings(call.app) is None:
        return {}
    found = certificates.current(call)
    if found is None or found.part_left(time.time()) >= certificates.ALERT_PART:
        return {}
    return {"certificate": certificates.troubles(call, time.time())[-1]}


def _disks(call: Call, known: set[str]) -> dict[str, str]:
    places = [call.layout.root, call.app.home, call.layout.state, call.layout.root / "var/lib/postgresql",
              *_targets(call)]  # fmt: skip
    there = {place.stat().st_dev: place for place in reversed(places) if place.is_dir()}
    found = {}
    for place in there.values():
        name = f"disk {place}"
        used, what = _fullest(place)
        if used >= (CALM if name in known else FULL):
            found[name] = f"the disk of {place} is filling: {used:.0%} of its {what} are used"
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


def _entries(call: Call) -> dict[str, str]:
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


def of(call: Call, known: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Both kinds; what cannot be looked at is a trouble itself."""
    try:
        return lasting(call, known), passing(call)
    except (AgentError, OSError) as error:
        return {"look": f"the host cannot look after the app: {error}"}, {}
