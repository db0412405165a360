"""Taking a release back that failed or was interrupted: users end on what they saw before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.errors import VpsdeployError
from orchestrator.facts import jobs as jobs_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import jobs
from orchestrator.plan.release import CONFIRM_SECONDS, Target, confirm_seconds
from orchestrator.workflows import fleet
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.job_steps import JobSteps
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

    def run(self, begun: set[str], why: str = "") -> str:
        """Undo.

        Args:
            begun: Verbs.
            why: For the hosts' history.
        Returns: The state that this leaves, for the error.
        """
        confirmed, flipped = "confirm" in begun, "flip" in begun
        astray = self._flip_back(why, confirmed=confirmed) if flipped else set()
        if "jobs" in begun and not astray:
            self._jobs_back()
        if "start" in begun and not astray:
            self._stop_new(drain=flipped)
        self._lost |= fleet.unlock(self._context)
        return self._state(astray, flipped=flipped, confirmed=confirmed)

    def _flip_back(self, why: str, *, confirmed: bool) -> set[str]:
        """Returns: load balancers that may go on routing to the new pool."""
        balancers = [host.name for host in self._before.loadbalancers]
        returned = self._each(balancers, "return", lambda _: {"why": why} if why else {})
        stay = [name for name, answer in returned.answers.items() if not answer.get("returned")]
        return set(returned.errors) | (self._restore(stay) if confirmed else set())

    def _restore(self, balancers: list[str]) -> set[str]:
        """Hosts that were told already that the new release stays: tell them otherwise.

        Returns: load balancers that could not be told.
        """
        old = self._target.colour.other
        served = {host.name: host.release_of(old) for host in self._before.apps if host.release_of(old)}
        if not served:
            return set()
        one = next(iter(served.values()))
        flip = {"colour": old.value, "confirm_seconds": CONFIRM_SECONDS}
        flipped = self._each(balancers, "flip", lambda _: flip)
        kept = self._each(
            [*balancers, *served], "confirm",
            lambda name: {"colour": old.value, "release": served.get(name, one)},
        )  # fmt: skip
        return (set(flipped.errors) | set(kept.errors)) & set(balancers)

    def _stop_new(self, *, drain: bool) -> None:
        request: dict[str, Any] = {"colour": self._target.colour.value}
        if drain:
            request["timeout_seconds"] = self._context.config.release.drain_seconds
        names = [host.name for host in self._before.apps]
        self._each(names, "drain" if drain else "stop", lambda _: request)

    def _jobs_back(self) -> None:
        """Workers and cron entries follow what users see. A host that cannot be asked is left to the next command."""
        names = [host.name for host in self._before.apps]
        asked = self._each(names, "facts", lambda _: {})
        now = {name: jobs_facts.parse(answer.get("jobs")) for name, answer in asked.answers.items()}
        own = (self._target.settings.get("workers") or {}).items()
        single = {name for name, job in own if job.get("exclusive")}
        single |= set(jobs.single_of(self._before, *(host.jobs.release for host in self._before.apps)))
        acts = JobSteps(self._context)
        for step in jobs.back(self._before, now, sorted(single)):
            try:
                acts.run(step)
            except VpsdeployError as error:
                self._lost[error.host.partition(" ")[0] or step.hosts[0]] = error
                return  # what may run only once must not start before it has ended elsewhere

    def _each(
        self, hosts: list[str], verb: str, request: Callable[[str], dict[str, Any]]
    ) -> Outcome[dict[str, Any]]:
        outcome = each(hosts, lambda name: self._context.call(name, verb, request(name)))
        self._lost |= outcome.errors
        return outcome

    def _state(self, astray: set[str], *, flipped: bool, confirmed: bool) -> str:
        seen = self._before.state()
        if not self._lost:
            return f"{seen}; " + ("the flip was undone" if flipped else "nothing was flipped")
        names = ", ".join(sorted(self._lost))
        seconds = confirm_seconds(self._context.config)
        back = f", and flips back by itself within {seconds} s" if astray and not confirmed else ""
        both = f"; {', '.join(sorted(astray))} may send requests to {self._target.release}, which goes on running"
        return f"{seen}; {names} could not be put in order{back}{both if astray else ''}: the next command repairs it"
