"""What a release and a rollback share: repair, plan, carry out, undo, and the proof."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.errors import Interrupted, ReleaseFailed, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed, Proof
from orchestrator.model.step import Step
from orchestrator.plan import recover
from orchestrator.plan.release import Target
from orchestrator.plan.release import steps as plan_steps
from orchestrator.report.reporter import Reporter
from orchestrator.transport import http
from orchestrator.workflows.fleet import Context, url
from orchestrator.workflows.transaction import Stream, Transaction
from orchestrator.workflows.undo import Undo

_POLL_SECONDS = 0.5
"""Pause between two looks at a drain."""

TIDY = ("drain", "prune", "unlock")
"""Verbs after the change: they leave the new release live, whatever becomes of them."""


def recovered(context: Context, reporter: Reporter, message: str, facts: FleetFacts) -> FleetFacts:
    """Put right what a command that died left behind.

    Returns: The facts, asked again where something was repaired.
    Raises: LockHeld: it has not died, it is at work.
    """
    drain_seconds = context.config.release.drain_seconds
    if not recover.steps(facts, drain_seconds):
        return facts
    transaction = Transaction(context, reporter, message)
    transaction.run(Step("take the lock", "lock", tuple(sorted(host.name for host in facts.hosts))))
    facts = context.facts()  # whoever held the lock until now may have gone on
    for step in recover.steps(facts, drain_seconds):
        reporter.note(f"repairing what an interrupted command left: {step.title} on {', '.join(step.hosts)}")
        transaction.run(step)
    return context.facts()


class ChangeOver:
    """One target, from the lock to the proof.

    Args:
        context: The hosts.
        reporter: Progress.
        facts: After `recovered`.
        target: What is to become live.
        message: For the lock.
        stream: Where missing files come from.
        wait_drain: Whether to go on probing until the old pool is gone.
    """

    def __init__(
        self, context: Context, reporter: Reporter, facts: FleetFacts, target: Target, message: str,
        stream: Stream | None = None, *, wait_drain: bool = False,
    ) -> None:  # fmt: skip
        self._context, self._reporter, self._facts, self._target = context, reporter, facts, target
        self._transaction = Transaction(context, reporter, message, stream)
        self._wait_drain = wait_drain
        self._warnings: list[str] = []
        config = context.config
        domain = config.domains[0] if config.domains else ""
        self._probe = http.Probe(http.targets(context.stage.loadbalancers, domain))

    @property
    def steps(self) -> tuple[Step, ...]:
        """What `run` does."""
        return plan_steps(self._context.config, self._facts, self._target)

    def run(self) -> Changed:
        """Carry out every step.

        Raises: VpsdeployError: and users see what they saw before.
        """
        begin = time.monotonic()
        must = [step for step in self.steps if step.verb not in TIDY]
        try:
            self._guarded(lambda: self._run(must, first=1))
            self._after(lambda: self._run([s for s in self.steps if s.verb in TIDY], first=len(must) + 1))
        except BaseException:
            self._probe.stop()
            raise
        return self._changed(time.monotonic() - begin, self._probe.stop())

    def _run(self, steps: list[Step], first: int) -> None:
        for n, step in enumerate(steps, first):
            if step.verb == "flip" and self._facts.live:
                self._probe.start(serving=True)
            self._transaction.run(step, n, len(self.steps))
            if step.verb == "flip" and not self._facts.live:
                self._probe.start(serving=False)
            if step.verb == "drain" and self._wait_drain:
                self._until_drained()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except VpsdeployError as error:
            error.state = self._undo()
            error.next = error.next or self._advice(error)
            raise
        except KeyboardInterrupt:
            position = self._transaction.position
            raise Interrupted(
                "interrupted", step=position, state=self._undo(), next="run the same command again"
            ) from None

    def _after(self, act: Callable[[], None]) -> None:
        """The release stands: what fails now is a warning, and the next command makes up for it."""
        try:
            act()
        except VpsdeployError as error:
            self._warnings.append(f"{self._transaction.position}: {error.what} on {error.host}: {error.why}")
        except KeyboardInterrupt:
            state = (
                f"live is {self._target.release} on all hosts; the old pool is stopped by the next command"
            )
            raise Interrupted(
                "interrupted", step=self._transaction.position, state=state, next="vpsdeploy status"
            ) from None

    def _undo(self) -> str:
        return Undo(self._context, self._facts, self._target).run(self._transaction.begun)

    def _advice(self, error: VpsdeployError) -> str:
        stage, host = self._context.stage.name, error.host.partition(" ")[0]
        return f"vpsdeploy logs --stage {stage}" + (f" --host {host}" if host else "")

    def _until_drained(self) -> None:
        """Wait for the old pool's end; the drain has its own limit on the host, and a margin is added here."""
        old = self._target.colour.other
        deadline = time.monotonic() + self._context.config.release.drain_seconds + 60
        while any(host.pools[old] for host in self._context.facts().apps):
            if time.monotonic() > deadline:
                raise ReleaseFailed("the old pool was not drained in time", why=f"the {old} pool still runs")
            time.sleep(_POLL_SECONDS)

    def _changed(self, seconds: float, proof: Proof) -> Changed:
        self._warnings += _proof_warnings(proof)
        return Changed(
            self._target.release, self._facts.live, url(self._context), tuple(self._transaction.results),
            seconds, proof if proof.requests else None, tuple(self._warnings),
        )  # fmt: skip


def _proof_warnings(proof: Proof) -> list[str]:
    found = [
        f"http://{address}/ did not answer from here before the flip: not measured"
        for address in proof.unreachable
    ]
    if proof.failed:
        seen = "; ".join(proof.failures[:3])
        found.append(f"the change dropped {proof.failed} of {proof.requests} requests ({seen})")
    return found
