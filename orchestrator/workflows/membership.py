"""`vpsdeploy host drain` and `host join`: take an app host out and bring it back without dropping a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.config.inventory import choose_hosts
from orchestrator.errors import Interrupted, UsageError, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Proof
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.membership import Moved
from orchestrator.model.step import Step
from orchestrator.plan import membership, preflight, recover, settings, size
from orchestrator.report.reporter import Reporter
from orchestrator.transport import agent_pyz, http
from orchestrator.transport.bundle_stream import Missing
from orchestrator.workflows import fleet, heartbeat, repair
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each
from orchestrator.workflows.sending import Sending
from orchestrator.workflows.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        host: Inventory name.
        dead: Whether it is to be taken out without being asked.
        wait_seconds: How long to wait for a lock that somebody else holds.
    """

    host: str
    dead: bool = False
    wait_seconds: float = 0


def drain(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Moved:
    """Take an app host out of all load balancers, or of none; then stop its instances.

    Raises: UsageError: no such host, the last one, or a second one; others as for a release.
    """
    host = _app_host(stage, wish)
    with opened(config, stage, opener) as context:
        context.story.command = "host drain"
        facts = _asked(context, host, dead=wish.dead)
        membership.check_drain(facts, host, dead=wish.dead)
        move = _Move(context, reporter, host, facts, wish)
        return move.run(f"drain {host.name}", move.drain, move.undo_drain)


def join(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Moved:
    """Bring a host in: an app host with the live release, a load balancer with the route that the others have.

    Raises: UsageError: no such host, or nothing is live; others as for a release.
    """
    host = choose_hosts(stage, [wish.host])[0]
    with opened(config, stage, opener) as context:
        context.story.command = "host join"
        facts = _asked(context, host)
        move = _Move(context, reporter, host, facts, wish)
        if not host.is_app or membership.is_in(facts, host):
            return move.run(f"join {host.name}", move.nothing, lambda _: facts.state())
        if recover.resolve(facts) == facts.colour:
            membership.source(facts, host)  # else it is known once the load balancers are put in order
        return move.run(f"join {host.name}", move.join, move.undo_join)


def _app_host(stage: Stage, wish: Wish) -> Host:
    host = choose_hosts(stage, [wish.host])[0]
    if not host.is_app or (wish.dead and host.is_loadbalancer):
        raise UsageError(
            f"{host.name} is a load balancer", why="users reach it by DNS, which vpsdeploy does not change",
            state="nothing was touched",
            next=f"take it out of DNS; if it is dead, out of {stage.path} too (docs/runbooks/dead-load-balancer.md)",
        )  # fmt: skip
    return host


def _asked(context: Context, host: Host, *, dead: bool = False, again: bool = False) -> FleetFacts:
    """Facts of all hosts that take part and of the one that is meant; a dead one is given one chance to answer."""
    also = () if dead and again else (host.name,)
    facts = context.facts(also=also, lost=host.name if dead else "")
    preflight.check_hosts(facts, agent_pyz.version())
    if not dead and facts.of(host.name) is None:
        context.call(host.name, "facts", {})  # raises what keeps it from answering
    if found := facts.of(host.name):
        preflight.check_host(facts, found, agent_pyz.version())
    return facts


@dataclass(slots=True)
class _Move:
    """One host on its way out or in, from the lock to the proof."""

    context: Context
    reporter: Reporter
    host: Host
    facts: FleetFacts
    wish: Wish
    probing: bool = False
    proof: Proof | None = None
    warnings: list[str] = field(default_factory=list)

    def run(
        self, message: str, plan: Callable[[], tuple[Step, ...]], undo: Callable[[set[str]], str]
    ) -> Moved:
        """Lock, repair, plan, carry out; undo where a step fails."""
        begin = time.monotonic()
        patience = self.wish.wait_seconds
        acts = Sending(self, self.context, self.reporter).acts
        transaction = Transaction(self.context, self.reporter, message, acts, wait_seconds=patience)
        probe = fleet.probe(self.context, self.facts)
        try:
            with heartbeat.kept(self.context):
                self._act(transaction, plan, undo, probe)
        except BaseException:
            probe.stop()
            raise
        return self._moved(transaction, time.monotonic() - begin)

    def drain(self) -> tuple[Step, ...]:
        """The plan, on the facts of now."""
        membership.check_drain(self.facts, self.host, dead=self.wish.dead)
        seconds = self.context.config.release.drain_seconds
        return membership.drain(self.facts, self.host, seconds, dead=self.wish.dead)

    def join(self) -> tuple[Step, ...]:
        """The plan; what the host lacks is described by one that has it."""
        live = size.live_release(self.facts)
        source = membership.source(self.facts, self.host)
        health = live.health if live and live.health else settings.of(self.context.config, "", "")["health"]
        lacks = membership.lacks_release(self.facts, self.host)
        handed = self.context.call(source, "describe", {"release": self.facts.live}) if lacks else None
        return membership.join(self.facts, self.host, health, handed)

    def nothing(self) -> tuple[Step, ...]:
        """The repairs were all."""
        locked = membership.locked(self.facts, self.host)
        return (Step("give the lock back", "unlock", locked, tidy=True),)

    def undo_drain(self, begun: set[str]) -> str:
        """All or none: where one load balancer could not be told, the others take the host back."""
        if "retire" in begun:
            return f"{self.facts.state()}; {self.host.name} gets no requests, its instances may still run"
        lost = self._tell("join") if "leave" in begun else {}
        if "jobs" in begun and not lost and not self.wish.dead:
            try:
                repair.put_in_order(self.context, self.reporter)
            except VpsdeployError as error:
                lost = {error.host: error}
        return self._state(f"{self.host.name} gets requests as before", lost)

    def undo_join(self, begun: set[str]) -> str:
        """The host stays out, and what was started on it is stopped."""
        lost = self._tell("leave") if "join" in begun else {}
        if begun & {"start", "join"}:
            retire = {"timeout_seconds": self.context.config.release.drain_seconds}
            lost |= each([self.host.name], lambda name: self.context.call(name, "retire", retire)).errors
        touched = begun & {"leave", "start", "join"}
        return self._state(f"{self.host.name} is {'out' if touched else 'as it was'}", lost)

    def _act(
        self, transaction: Transaction, plan: Callable[[], tuple[Step, ...]], undo: Callable[[set[str]], str],
        probe: http.Probe,
    ) -> None:  # fmt: skip
        lock = Step("take the lock", "lock", membership.locked(self.facts, self.host, dead=self.wish.dead))
        try:
            transaction.run(lock)
            repair.put_in_order(self.context, self.reporter, lost=self.host.name if self.wish.dead else "")
            self.facts = _asked(self.context, self.host, dead=self.wish.dead, again=True)
            steps = plan()
            for n, step in enumerate(steps, 2):
                self._one(transaction, step, n, len(steps) + 1, probe)
        except VpsdeployError as error:
            error.state = undo(transaction.begun)
            self.context.story.failed(error, flipped=False)
            raise
        except KeyboardInterrupt:
            state = undo(transaction.begun)
            raise Interrupted(
                "interrupted", step=transaction.position, state=state, next="run the same command again"
            ) from None

    def _one(self, transaction: Transaction, step: Step, n: int, of: int, probe: http.Probe) -> None:
        if step.verb in ("leave", "join") and self.facts.live and not self.probing:
            self.probing = True
            probe.start(serving=True)
        if step.verb == "unlock":
            self._tell_story(transaction, probe.stop())  # it goes to the hosts with the lock
        try:
            transaction.run(step, n, of)
        except VpsdeployError as error:
            if not step.tidy:
                raise
            self.warnings.append(f"{transaction.position}: {error.what} on {error.host}: {error.why}")

    @property
    def directory(self) -> Path:
        """For Sending, which needs none: one host is sent files."""
        return self.context.config.project_dir

    def offered(self) -> Iterator[bytes]:
        """The list of the live release's files, from a host that has it."""
        return self._copied({})

    def stream(self, missing: Missing) -> Iterator[bytes]:
        """Those that are missing, passed on as they come."""
        return self._copied({"missing": missing.ranges, "parts": missing.parts})

    def _copied(self, what: dict[str, Any]) -> Iterator[bytes]:
        source = membership.source(self.facts, self.host)
        request = {"release": self.facts.live, "token": self.context.tokens[source], **what}
        return self.context.fleet.read(source, "copy", request)

    def _tell(self, verb: str) -> dict[str, VpsdeployError]:
        names = [one.name for one in self.facts.loadbalancers]
        return each(names, lambda name: self.context.call(name, verb, {"host": self.host.name})).errors

    def _state(self, done: str, lost: dict[str, VpsdeployError]) -> str:
        seen = self.facts.state()
        if not lost:
            return f"{seen}; {done}"
        return f"{seen}; {', '.join(sorted(lost))} could not be put in order: the next command repairs it"

    def _tell_story(self, transaction: Transaction, proof: Proof) -> None:
        if proof.failed:
            seen = "; ".join(proof.failures[:3])
            self.warnings.append(f"{proof.failed} of {proof.requests} requests failed meanwhile ({seen})")
        self.proof = proof if proof.requests else None
        story, joined = self.context.story, _joined(transaction)
        if joined and "join" not in transaction.begun:
            return
        story.result = "in" if joined else "out"
        story.previous, story.release = ("", self.host.name) if joined else (self.host.name, "")
        story.proof, story.warnings = self.proof, tuple(self.warnings)

    def _moved(self, transaction: Transaction, seconds: float) -> Moved:
        return Moved(
            self.host.name, _joined(transaction), self.facts.live, tuple(transaction.results), seconds,
            self.proof, tuple(self.warnings),
        )  # fmt: skip


def _joined(transaction: Transaction) -> bool:
    """Whether the host serves now: it was brought in, or it never was out."""
    return "join" in transaction.begun or transaction.begun.isdisjoint({"retire", "leave"})
