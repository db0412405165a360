"""Taking a release back that failed or was interrupted: users end on what they saw before."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan.release import CONFIRM_SECONDS, Target
from orchestrator.workflows import fleet
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.parallel import Outcome, each


class Undo:
    """What has to be undone is known from the verbs that were begun; every undoing verb is idempotent.

    Args:
        context: The hosts, with our locks.
        before: Facts from before the first step.
        target: What was to become live.
    """

    def __init__(self, context: Context, before: FleetFacts, target: Target) -> None:
        self._context, self._before, self._target = context, before, target
        self._lost: dict[str, VpsdeployError] = {}

    def run(self, begun: set[str]) -> str:
        """Undo. Returns: the state that this leaves, for the error."""
        flipped = "flip" in begun
        if flipped:
            self._flip_back(confirmed="confirm" in begun)
        if "start" in begun:
            self._stop_new(drain=flipped)
        self._lost |= fleet.unlock(self._context)
        return self._state(flipped)

    def _flip_back(self, *, confirmed: bool) -> None:
        balancers = [host.name for host in self._before.loadbalancers]
        returned = self._each(balancers, "return", {})
        stay = [name for name, answer in returned.answers.items() if not answer.get("returned")]
        if confirmed and self._before.live:
            self._restore(stay)

    def _restore(self, balancers: list[str]) -> None:
        """Hosts that were told already that the new release stays: tell them otherwise."""
        old = self._target.colour.other.value
        confirm = {"colour": old, "release": self._before.live}
        self._each(balancers, "flip", {"colour": old, "confirm_seconds": CONFIRM_SECONDS})
        served = [host.name for host in self._before.apps if host.release_of(self._target.colour.other)]
        self._each([*balancers, *served], "confirm", confirm)

    def _stop_new(self, *, drain: bool) -> None:
        request: dict[str, Any] = {"colour": self._target.colour.value}
        if drain:
            request["timeout_seconds"] = self._context.config.release.drain_seconds
        self._each([host.name for host in self._before.apps], "drain" if drain else "stop", request)

    def _each(self, hosts: list[str], verb: str, request: dict[str, Any]) -> Outcome[dict[str, Any]]:
        outcome = each(hosts, lambda name: self._context.call(name, verb, request))
        self._lost |= outcome.errors
        return outcome

    def _state(self, flipped: bool) -> str:
        seen = self._before.state()
        if self._lost:
            names = ", ".join(sorted(self._lost))
            back = f", and flips back by itself within {CONFIRM_SECONDS} s" if flipped else ""
            return f"{seen}; {names} could not be put in order{back}: the next command repairs it"
        return f"{seen}; " + ("the flip was undone" if flipped else "nothing was flipped")
