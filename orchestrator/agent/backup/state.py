"""What is known of an app's backups on this host: runs, drills, checks. It outlives every run and every reboot."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from orchestrator.agent import durable, mutex
from orchestrator.agent.backup import settings, wal_state
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call
from orchestrator.agent.failures import LockHeld

GRACE_SECONDS = 7200.0
"""How much later than due a backup may be before it counts as missed (our choice: a big one takes its time)."""

DRILL_GRACE_SECONDS = 86400.0

_FIGURES = re.compile(r"\d")


def read(call: Call) -> dict[str, Any]:
    """By target under `targets`; `last` is the last run of all, `drill` the last drill."""
    found = durable.read_json(call.app.backup_state_file)
    return found if isinstance(found, dict) else {"targets": {}}


def write(call: Call, state: dict[str, Any]) -> None:
    """Keep it."""
    durable.write_json(call.app.backup_state_file, state)


def target(state: dict[str, Any], name: str) -> dict[str, Any]:
    """What is known of one target: `good` (its last good backup), `drilled`, `checked`, `pruned_at`."""
    found: dict[str, Any] = state.setdefault("targets", {}).setdefault(name, {})
    return found


@contextlib.contextmanager
def alone(call: Call, doing: str, patience_seconds: float = 0.0) -> Iterator[None]:
    """Keep every other backup, drill, check and restore of the app away. The kernel ends it whatever kills us.

    Args:
        call: For the app.
        doing: What others are told.
        patience_seconds: How long to wait for what is under way.
    Raises: LockHeld: one is under way; says what, whose, since when.
    """
    try:
        with mutex.held(call.app.backup_mutex, patience_seconds):
            told = {"doing": doing, "by": call.request.by, "since": time.time()}
            call.app.backup_mutex.write_text(json.dumps(told))
            yield
    except LockHeld as held:
        raise _busy(call) from held


def _busy(call: Call) -> LockHeld:
    with contextlib.suppress(OSError, ValueError, KeyError):
        told = json.loads(call.app.backup_mutex.read_text())
        age = max(0, round(time.time() - float(told["since"])))
        why = f"{told['doing']} by {told['by'] or 'somebody'} has been running for {age} s"
        return LockHeld(
            "another backup, drill or restore is running", why=why, state="this one did nothing",
            next="wait until it has ended: vpsdeploy backup list",
        )  # fmt: skip
    return LockHeld("another backup, drill or restore is running", state="this one did nothing")


def unfinished(call: Call) -> dict[str, Any] | None:
    """What is known of a rebuild of this host that has not come to its end."""
    begun = durable.read_json(call.app.rebuild_file)
    return begun if isinstance(begun, dict) and not begun.get("ended") else None


def troubles(call: Call, found: Settings, state: dict[str, Any], now: float) -> list[str]:
    """What somebody has to look at, one clause each: never run, failed, missed, shrunken, unproven, drill overdue."""
    return [text for _, text in named_troubles(call, found, state, now)]


def named_troubles(
    call: Call, found: Settings, state: dict[str, Any], now: float
) -> list[tuple[str, str]]:  # fmt: skip
    """The same, each under a name that stays as long as it is the same trouble."""
    if not settings.is_equipped(call):
        return [("keys", "the host has no keys for its backups: vpsdeploy backup now hands them over")]
    if begun := unfinished(call):
        why = f"the host was not rebuilt to its end (begun {begun['began']}): vpsdeploy host rebuild goes on with it"
        return [("rebuild", why)]
    named = [one for name in found.targets for one in _of_target(call, found, name, target(state, name), now)]
    last = state.get("last") or {}
    if last.get("result") == "failed":
        named.insert(
            0, ("failed", f"the last backup failed at {last['time']}: {last['why'].splitlines()[0]}")
        )
    named += [(f"warned {_FIGURES.split(text)[0]}", text) for text in last.get("warnings", ())]
    drill = state.get("drill") or {}
    if drill.get("result") == "failed":
        why = f"the last restore drill failed at {drill['time']}: {drill['why'].splitlines()[0]}"
        named.append(("drill failed", why))
    return named + wal_state.troubles(call, found, now)


def _of_target(
    call: Call, found: Settings, name: str, known: dict[str, Any], now: float
) -> Iterator[tuple[str, str]]:  # fmt: skip
    good, drilled, checked = (known.get(key) for key in ("good", "drilled", "checked"))
    if not good:
        yield f"none {name}", f"{name} has no backup yet"
        return
    if overdue(call, found.events, good["at"], found.jitter_seconds + GRACE_SECONDS, now):
        yield f"missed {name}", f"{name}: the newest backup is from {good['time']}, and one was due since"
    if checked and not checked["good"]:
        yield f"damaged {name}", f"{name}: the repository is damaged ({checked['why'].splitlines()[0]})"
    proven = drilled["at"] if drilled else float(known.get("first_at", good["at"]))
    is_late = overdue(call, found.drill_events, proven, DRILL_GRACE_SECONDS, now)
    if drilled and is_late:
        why = f"{name}: the last good restore drill was at {drilled['time']}, and one was due since"
        yield f"drill overdue {name}", why
    elif not drilled:
        ever = ", and a drill was due since the first one" if is_late else ""
        why = f"{name}: unproven, no backup was ever restored from it{ever}: vpsdeploy backup drill"
        yield f"drill overdue {name}" if is_late else f"unproven {name}", why


def overdue(call: Call, events: tuple[str, ...], since: float, grace: float, now: float) -> bool:
    """Whether a moment that a schedule names has come since `since`, and has been over for `grace` seconds."""
    due = call.systemd.elapses(events, since) if events and now - since > grace else None
    return due is not None and now > due + grace
