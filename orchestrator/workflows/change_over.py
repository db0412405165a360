"""What a release and a rollback share: the lock, repair, plan, carry out, undo, and the proof."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from orchestrator.errors import Interrupted, ReleaseFailed, VpsdeployError
from orchestrator.facts import migrations, tls
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed, Proof
from orchestrator.model.step import Step
from orchestrator.plan import migration
from orchestrator.plan.release import Target, confirm_seconds
from orchestrator.plan.release import steps as plan_steps
from orchestrator.report.reporter import Reporter
from orchestrator.workflows import heartbeat, repair, story
from orchestrator.workflows.fleet import Context, probe, url
from orchestrator.workflows.hooks import Hooks
from orchestrator.workflows.transaction import Act, Transaction
from orchestrator.workflows.undo import Undo
from orchestrator.workflows.watch import Watch

_POLL_SECONDS = 0.5
"""Pause between two looks at a drain."""

Decide = Callable[[FleetFacts], Target]
"""What is to become live, on hosts that are as these facts say."""


class ChangeOver:
    """One target, from the lock to the proof.

    Args:
        context: The hosts.
        reporter: Progress.
        facts: For the number of steps and for what must stop a command before it takes the lock.
        decide: Asked again under the lock: until then another controller may have released.
        message: For the lock.
        acts: Steps that the controller carries out itself (Transaction).
        wait_drain: Whether to go on probing until the old pool is gone.
        wait_seconds: How long to wait for a lock that somebody else holds.
        decided: Whether a person has named the release, so that a repair need not know which one was live.
    """

    def __init__(
        self, context: Context, reporter: Reporter, facts: FleetFacts, decide: Decide, message: str,
        acts: Mapping[str, Act] | None = None, *,
        wait_drain: bool = False, wait_seconds: float = 0, decided: bool = False,
    ) -> None:  # fmt: skip
        self._context, self._reporter, self._decide = context, reporter, decide
        self._facts, self._target = facts, decide(facts)
        self._warnings: list[str] = []
        hooks = Hooks(context.config, reporter, self._warnings.append, context)
        self._wait_drain, self._decided = wait_drain, decided
        self._probe = probe(context, facts)
        self._is_probing = False
        self._watch = Watch(context, self._probe)
        own: dict[str, Act] = {"hook": hooks.act, "watch": self._watch.run, **(acts or {})}
        self._transaction = Transaction(context, reporter, message, own, wait_seconds=wait_seconds)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What `run` does, beside repairs."""
        return plan_steps(self._context.config, self._facts, self._target)

    def run(self) -> Changed:
        """Carry out every step.

        Raises: VpsdeployError: and users see what they saw before.
        """
        begin = time.monotonic()
        try:
            with heartbeat.kept(self._context):
                self._guarded(self._change)
                self._context.story.result = story.LIVE
                self._after(lambda: self._run(tidy=True))
        except BaseException:
            self._probe.stop()
            raise
        return self._changed(time.monotonic() - begin, self._measured())

    def _change(self) -> None:
        self._transaction.run(self.steps[0], 1, len(self.steps))
        self._facts = repair.put_in_order(self._context, self._reporter, decided=self._decided)
        self._target = self._decide(self._facts)
        self._context.story.release, self._context.story.previous = self._target.release, self._facts.live
        self._run(tidy=False)

    def _run(self, *, tidy: bool) -> None:
        """The steps behind the lock up to the change, or those after it."""
        for n, step in enumerate(self.steps, 1):
            if n > 1 and step.tidy == tidy:
                self._run_one(step, n)

    def _run_one(self, step: Step, n: int) -> None:
        is_watched = any(one.verb == "watch" for one in self.steps)
        if self._facts.live and step.verb in (("gate", "flip") if is_watched else ("flip",)):
            # With a watch from the gate on, so that there is something to compare with.
            self._start_probe(serving=True)
        if step.verb == "unlock":
            self._measured()  # the story goes to the hosts with it
        self._transaction.run(step, n, len(self.steps))
        if step.verb == "flip":
            self._start_probe(serving=False)
        if step.verb == "drain" and self._wait_drain:
            self._until_drained()

    def _start_probe(self, *, serving: bool) -> None:
        if not self._is_probing:
            self._is_probing = True
            self._probe.start(serving=serving)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except VpsdeployError as error:
            error.state = self._undo(error)
            error.next = error.next or self._advice(error)
            raise
        except KeyboardInterrupt:
            stopped = Interrupted(
                "interrupted", step=self._transaction.position, next="run the same command again"
            )
            stopped.state = self._undo(stopped)
            raise stopped from None

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

    def _undo(self, error: VpsdeployError) -> str:
        begun = self._transaction.begun
        self._context.story.failed(error, flipped="flip" in begun)
        try:
            first_line = f"{error.what}: {error.why}".splitlines()[0]
            state = Undo(self._context, self._facts, self._target).run(begun, first_line)
            return state + self._aftermath(ended=isinstance(error, ReleaseFailed))
        except KeyboardInterrupt:
            return (
                f"interrupted while this was being undone, so hosts may differ: a flip returns by itself within "
                f"{confirm_seconds(self._context.config)} s, the next command repairs the rest"
            )

    def _aftermath(self, *, ended: bool) -> str:
        """What the migration leaves behind, which nothing undoes."""
        if migration.VERB not in self._transaction.begun:
            return ""
        done = any(result.step.verb == migration.VERB for result in self._transaction.results)
        target = self._target
        return migration.aftermath(target.release, target.settings, self._facts.live, done=done, ended=ended)

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

    def _measured(self) -> Proof | None:
        """End the proof, and tell it; asked again it has the same to say."""
        proof, told = self._probe.stop(), self._context.story
        told.proof = proof if proof.requests else None
        told.warnings = (*self._warnings, *_proof_warnings(proof), *self._reminders())
        return told.proof

    def _reminders(self) -> list[str]:
        """What else users notice now."""
        found = migrations.crossed(self._facts, self._target.release)
        if any(one.maintenance for one in self._facts.maintenance):
            found.append("maintenance is on: users get 503 until `vpsdeploy maintenance off`")
        return [*found, *tls.ending(self._facts.tls, datetime.now(UTC))]

    def _changed(self, seconds: float, proof: Proof | None) -> Changed:
        return Changed(
            self._target.release, self._facts.live, url(self._context, self._facts), tuple(self._transaction.results),
            seconds, proof, self._context.story.warnings, self._watch.result,
        )  # fmt: skip


def _proof_warnings(proof: Proof) -> list[str]:
    found = [
        f"the load balancer at {address} did not answer from here before the flip: not measured"
        for address in proof.unreachable
    ]
    if proof.in_maintenance:
        found.append(
            f"{proof.in_maintenance} requests of the proof were answered by maintenance mode: not measured"
        )
    if proof.failed:
        seen = "; ".join(proof.failures[:3])
        found.append(f"the change dropped {proof.failed} of {proof.requests} requests ({seen})")
    return found
