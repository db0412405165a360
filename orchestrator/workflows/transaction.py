"""Carrying out the steps of a plan on all their hosts, with the step named in every error."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.errors import VpsdeployError
from orchestrator.model.step import Step, StepResult
from orchestrator.report.reporter import Reporter
from orchestrator.transport.agent import OnEvent
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.job_steps import JobSteps
from orchestrator.workflows.parallel import each
from orchestrator.workflows.waiting import Patience

Answers = dict[str, dict[str, Any]]
"""What a step's hosts answered, by host."""

Act = Callable[[Step], Answers]
"""Carries out a step that is more than to ask each host's agent the same."""


class Transaction:
    """The steps of one command, done in order.

    Args:
        context: The hosts.
        reporter: Told about each step.
        message: For the lock: what is being done.
        acts: What the controller does itself, by the verb of its steps.
        wait_seconds: How long to wait for a lock that somebody else holds.
    """

    def __init__(
        self, context: Context, reporter: Reporter, message: str, acts: Mapping[str, Act] | None = None,
        wait_seconds: float = 0,
    ) -> None:  # fmt: skip
        self._context, self._reporter, self._message = context, reporter, message
        self._patience = Patience(context, reporter, wait_seconds)
        own: dict[str, Act] = {"lock": self._lock, "unlock": self._unlock}
        own["jobs"] = JobSteps(context, self._tell("jobs")).run
        self._acts: dict[str, Act] = {**own, **(acts or {})}
        self.results: list[StepResult] = []
        self.current: Step | None = None
        self._position = ""

    @property
    def begun(self) -> set[str]:
        """Verbs of the steps that ended and of the one that runs or failed."""
        done = {result.step.verb for result in self.results}
        return done | ({self.current.verb} if self.current else set())

    @property
    def position(self) -> str:
        """The step that runs or failed, for an error: "4 of 9, start the green pool"."""
        return self._position

    def run(self, step: Step, n: int = 0, of: int = 0) -> StepResult:
        """Do one step on all its hosts.

        Raises: VpsdeployError: with its step; hosts that succeeded stay as they are.
        """
        self.current = step
        self._position = f"{n} of {of}, {step.title}" if of else step.title
        self._reporter.started(step.title, n, of)
        begin = time.monotonic()
        try:
            answers = self._act(step)
        except VpsdeployError as error:
            error.step = error.step or self._position
            raise
        result = StepResult(step, answers, time.monotonic() - begin)
        self.results.append(result)
        self._reporter.finished(step.title, result.seconds, _note(step, answers))
        self.current = None
        return result

    def _act(self, step: Step) -> Answers:
        return self._acts.get(step.verb, self._ask)(step)

    def _ask(self, step: Step) -> Answers:
        return each(step.hosts, lambda host: self._call(host, step)).or_raise()

    def _lock(self, step: Step) -> Answers:
        """One after another, in one order for all: two releases cannot hold half the fleet each."""
        return {host: self._patience.lock(host, self._message) for host in step.hosts}

    def _unlock(self, step: Step) -> Answers:
        told = replace(step, request={**step.request, "entry": self._context.story.entry()})
        answers = self._ask(told)
        for host in answers:  # not one that has left meanwhile: its lock is given back at the command's end
            self._context.tokens.pop(host, None)
        return answers

    def _call(self, host: str, step: Step) -> dict[str, Any]:
        return self._context.call(host, step.verb, step.request, on_event=self._tell(step.verb))

    def _tell(self, verb: str) -> OnEvent:
        def told(name: str, event: dict[str, Any]) -> None:
            self._reporter.event("agent", {"host": name, "verb": verb, **event, "event": True})
            if verb == "migrate":
                self._reporter.note(f"{name} | {event.get('line', '')}")

        return told


def _note(step: Step, answers: Answers) -> str:
    """What came out, where it says something: bytes sent, time to health."""
    if step.verb == "receive":
        files = sum(int(answer.get("stored", 0)) for answer in answers.values())
        size = sum(int(answer.get("bytes", 0)) for answer in answers.values())
        return f"{files} files, {size / 1e6:.1f} MB" if files else "nothing to send"
    if step.verb == "gate":
        slowest = max((i["seconds"] for a in answers.values() for i in a.get("instances", ())), default=0)
        return f"slowest instance healthy after {slowest:.2f} s"
    if step.verb == "watch":
        return str(next(answer["seen"] for answer in answers.values()))
    return ""
