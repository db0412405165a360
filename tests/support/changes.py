"""Releases on a fleet in memory: what tests of workflows share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed, Proof
from orchestrator.model.fleet import Stage
from orchestrator.plan import settings, size
from orchestrator.plan.release import Target, idle_colour
from orchestrator.transport import local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.sending import Sending
from tests.support.bundles import one_file
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig(app=APP)

OLD, NEW = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"

TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])

ONE = stage("web-1")
THREE = stage("web-1", "web-2", "web-3", balancers=["lb-1", "lb-2"])
BEFORE_FLIP = ("lock", "offer", "receive", "assemble", "start", "gate")
AFTER_FLIP = ("flip", "watch", "confirm")
TIDY = ("drain", "prune", "unlock")


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, title: str, n: int = 0, of: int = 0) -> None:
        """Kept."""
        self.told.append(title)

    def finished(self, title: str, seconds: float, note: str = "") -> None:
        """Not kept."""

    def note(self, text: str) -> None:
        """Kept."""
        self.told.append(text)

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Not kept."""


class SilentProbe:
    """No requests are sent."""

    def __init__(self, _: object) -> None:
        self.started = False

    def start(self, *, serving: bool) -> None:
        """Remember it."""
        self.started = True

    def silent_seconds(self) -> dict[str, float]:
        """Nobody is asked."""
        return {}

    def stop(self) -> Proof:
        """Nothing was seen."""
        return Proof(0, 0, 0.0, 0.0)


def release(fleet: FakeFleet, of: Stage, name: str = NEW, pid: int = 1) -> Changed:
    """One release by one controller process."""
    owner = replace(local.this_process(), pid=pid)
    context = Context(CONFIG, of, fleet, owner)
    return change(context, name).run()


def change(context: Context, name: str = NEW, reporter: Silent | None = None) -> ChangeOver:
    """A release that has asked the hosts once and not begun."""
    shipped = one_file(Path.cwd())
    reporter = reporter or Silent()

    def decide(facts: FleetFacts) -> Target:
        wanted = settings.of(CONFIG, "dist/main.js", "24.21.0")
        return Target(
            name, idle_colour(facts), wanted, asdict(shipped.manifest), size.of_release(CONFIG, facts)
        )

    acts = Sending(FromBundle(shipped), context, reporter).acts
    return ChangeOver(context, reporter, context.facts(), decide, f"release {name}", acts)


def live_fleet(of: Stage) -> FakeFleet:
    """A fleet with one release live, of other files than the next one's."""
    fleet = FakeFleet(of)
    release(fleet, of, OLD)
    fleet.calls.clear()
    for host in fleet.hosts.values():
        host.store.clear()
    return fleet


def fail_at(verb: str, error: BaseException, host: str = "", times: int = 1) -> Callable[[str, str], None]:
    """Raise at a verb, on one host or on whichever is first; then no more."""
    left = [times]

    def fail(name: str, called: str) -> None:
        if called == verb and host in ("", name) and left[0]:
            left[0] -= 1
            raise error

    return fail


class Killed(BaseException):
    """SIGKILL: nothing of ours runs after it."""


def kill_after(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die once a step has been carried out, with neither undo nor unlock."""
    from orchestrator.workflows import undo
    from orchestrator.workflows.transaction import Transaction

    real = Transaction.run

    def run(self: Transaction, step: Any, n: int = 0, of: int = 0) -> Any:
        result = real(self, step, n, of)
        if step.verb == verb and of:
            raise Killed
        return result

    monkeypatch.setattr(Transaction, "run", run)
    monkeypatch.setattr(undo.Undo, "run", lambda *_: "")
