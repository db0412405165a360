"""What is known of the log's way off this host, for people and for the next run. It outlives every run and reboot.

A file of its own, and a lock of its own: the log is sent every few minutes, also while a backup or a drill takes hours.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from orchestrator.agent import durable, mutex
from orchestrator.agent.backup import settings
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.backup.wal_chain import Window
from orchestrator.agent.call import Call
from orchestrator.agent.failures import LockHeld

_LATE_SECONDS = 1800.0
"""The log may be so late before somebody is told (our choice: a target's restart or a provider's hiccup is no news)."""

_LATE_TURNS = 3.0

Named = tuple[str, str]


def read(call: Call) -> dict[str, Any]:
    """By target under `targets`; `marked`: the last marker; `archiving`: why the server cannot archive, or nothing."""
    found = durable.read_json(call.app.wal_file)
    return found if isinstance(found, dict) else {"targets": {}}


def write(call: Call, known: dict[str, Any]) -> None:
    """Keep it."""
    durable.write_json(call.app.wal_file, known)


def target(known: dict[str, Any], name: str) -> dict[str, Any]:
    """What is known of one target.

    `made`: it has a repository; `sent`: what it has of what is still here; `last`: the newest segment that it has;
    `whole_at`: when it last had everything; `based_at`: its newest base; `gap`: what is missing; `windows`.
    """
    found: dict[str, Any] = known.setdefault("targets", {}).setdefault(name, {})
    return found


@contextlib.contextmanager
def alone(call: Call, patience_seconds: float) -> Iterator[None]:
    """Keep every other sending and every pruning of the log away.

    Raises: LockHeld: one is under way.
    """
    try:
        with mutex.held(call.app.wal_mutex, patience_seconds):
            yield
    except LockHeld:
        raise LockHeld(
            "PostgreSQL's log is being sent", state="this one did nothing", next="try again"
        ) from None


def windows(known: dict[str, Any], name: str) -> list[Window]:
    """What can be reached from a target, as far as this host knows. While nothing is written, time goes on."""
    about = known.get("targets", {}).get(name, {})
    found = [Window(*one) for one in about.get("windows", ())]
    if found and _is_up_to_marker(known, about, found[-1]):
        found[-1] = found[-1]._replace(end=max(found[-1].end, float(known["marked"]["same_until"])))
    return found


def as_marked(known: dict[str, Any], name: str, moment: float) -> float:
    """The moment that the log has for one that is asked for: after its last marker nothing was written."""
    about = known.get("targets", {}).get(name, {})
    found = [Window(*one) for one in about.get("windows", ())]
    if found and _is_up_to_marker(known, about, found[-1]):
        end = found[-1].end
        return end if end < moment <= float(known["marked"]["same_until"]) else moment
    return moment


def _is_up_to_marker(known: dict[str, Any], about: dict[str, Any], newest: Window) -> bool:
    marked = known.get("marked") or {}
    return bool(marked) and newest.end == marked["at"] and not about.get("gap")


def troubles(call: Call, found: Settings, now: float) -> list[Named]:
    """What somebody has to look at, each under a name that stays as long as it is the same trouble."""
    if not found.point_in_time:
        return []
    known = read(call)
    named = list[Named]()
    if why := known.get("archiving"):
        named.append(("archiving", f"PostgreSQL cannot archive its log: {why}"))
    for name in found.targets:
        named += _of_target(call, known, name, found, now)
    return named


def _of_target(
    call: Call, known: dict[str, Any], name: str, found: Settings, now: float
) -> Iterator[Named]:  # fmt: skip
    about = known.get("targets", {}).get(name, {})
    late = max(_LATE_SECONDS, _LATE_TURNS * found.point_in_time["every_seconds"])
    since = float(about.get("whole_at") or _set_up_at(call))
    if now - since > late:
        why = f" ({about['why'].splitlines()[0]})" if about.get("why") else ""
        minutes, waiting = round((now - since) / 60), known.get("waiting_bytes", 0) >> 20
        text = f"PostgreSQL's log has not arrived for {minutes} minutes{why}; {waiting} MiB wait here"
        yield f"log {name}", f"{name}: {text}"
    if gap := about.get("gap"):
        yield f"log hole {name}", f"{name}: {gap}: vpsdeploy backup now begins anew"
    elif known.get("began_at") and not about.get("based_at"):
        yield (
            f"none of the log {name}",
            f"{name}: no moment can be restored yet, there is no base backup: vpsdeploy backup now makes one",
        )


def _set_up_at(call: Call) -> float:
    """When the first turn could come: there were settings and keys."""
    places = (call.app.backup_file, call.app.backup_keys / settings.PASSWORD)
    return max(place.stat().st_mtime for place in places)


def utc(moment: float) -> str:
    """A moment for people and programs, to the second: ISO 8601, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
