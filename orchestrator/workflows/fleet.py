"""Reaching the hosts of an app: connect, ask for facts, hold the lock."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import LockHeld, VpsdeployError
from orchestrator.facts import fleet as fleet_facts
from orchestrator.facts import host as host_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import http, local
from orchestrator.transport.agent import Fleet
from orchestrator.transport.agent_ssh import SshFleet
from orchestrator.workflows import advice
from orchestrator.workflows.parallel import Outcome, each
from orchestrator.workflows.story import Story

Opener = Callable[[Stage, AppConfig, local.Owner], Fleet]

_ADVISED = re.compile(
    r"vpsdeploy (?:provision host(?: [\w.-]+)*|host (?:drain|join) [\w.-]+|status|releases?\b|rollback|logs"
    r"|history|(?:un)?lock)"
)
_LEASE_SECONDS = 120
"""How long a lock outlives its last renewal, beside the longest step, the gate (our choice)."""


def open_over_ssh(stage: Stage, config: AppConfig, owner: local.Owner) -> Fleet:
    """The hosts as they are; tests pass a fleet in memory instead."""
    return SshFleet(stage, config.app, owner.by)


@dataclass(slots=True)
class Context:
    """What the steps of one command share.

    Attributes:
        config: The app.
        stage: The hosts.
        fleet: How they are reached.
        owner: Who we are.
        tokens: Of the locks that we hold, by host.
        asked: Requests for a lock whose answer we do not have, by host: we may hold it.
        story: What the command does, for the hosts' history; names it in every verb.
    """

    config: AppConfig
    stage: Stage
    fleet: Fleet
    owner: local.Owner
    tokens: dict[str, str] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    story: Story = field(default_factory=Story)

    def call(self, host: str, verb: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        """One verb on one host, with the lock's token where we hold it."""
        token = {"token": self.tokens[host]} if host in self.tokens else {}
        return self.fleet.call(host, verb, {**request, **token, "change": self.story.change}, **more)

    def facts(self, *, also: Collection[str] = (), lost: str = "") -> FleetFacts:
        """Ask every host.

        Args:
            also: Hosts to wait for even if they are out: a dead one takes its time not to answer.
            lost: A host that may be silent, and is not waited for either.
        Raises: VpsdeployError: a host that takes part is unreachable or not ready.
        """
        outcome = self._asked(lambda answers: (self._out(answers) | {lost}) - set(also))
        for name in self._out(outcome.answers) | {lost}:
            outcome.errors.pop(name, None)
        return self._gathered(outcome.or_raise())

    def facts_of_answering(self) -> tuple[FleetFacts, dict[str, VpsdeployError]]:
        """Ask every host, and do without those that do not answer.

        Returns: The facts, and why hosts are missing that are not out.
        Raises: VpsdeployError: none answers.
        """
        outcome = self._asked(lambda _: ())
        if not outcome.answers:
            outcome.or_raise()
        out = self._out(outcome.answers)
        silent = {name: error for name, error in outcome.errors.items() if name not in out}
        return self._gathered(outcome.answers), silent

    def _asked(
        self, spared: Callable[[dict[str, dict[str, Any]]], Collection[str]]
    ) -> Outcome[dict[str, Any]]:
        """Every host's answer; an error says how to do without the host."""
        names = [host.name for host in self.stage.hosts]
        outcome = each(names, lambda name: self.call(name, "facts", {}), spared)
        outcome.errors = {
            name: advice.without(error, self.stage, name) for name, error in outcome.errors.items()
        }
        return outcome

    def _gathered(self, answers: dict[str, dict[str, Any]]) -> FleetFacts:
        names = [host.name for host in self.stage.hosts if host.name in answers]
        parsed = (host_facts.parse(name, self.config.app, answers[name]) for name in names)
        return fleet_facts.gathered(self.stage, tuple(parsed))

    def _out(self, answers: dict[str, dict[str, Any]]) -> set[str]:
        """Hosts that a load balancer has done without so far, and that are no load balancers themselves."""
        balancers = {host.name for host in self.stage.loadbalancers}
        named = {name for host in balancers & answers.keys() for name in answers[host].get("out") or {}}
        return named - balancers


def url(context: Context, facts: FleetFacts) -> str:
    """Where the app answers: its first domain, or the first load balancer's address."""
    domain = _domain(context)
    is_https = bool(facts.tls) and all(one.tls and one.tls.pin(domain) for one in facts.tls)
    return f"http{'s' if is_https else ''}://{domain or context.stage.loadbalancers[0].address}/"


def probe(context: Context, facts: FleetFacts) -> http.Probe:
    """What asks every load balancer while something changes: by HTTPS where it sends users there."""
    return http.Probe(targets(context, facts, context.stage.loadbalancers))


def targets(context: Context, facts: FleetFacts, balancers: tuple[Host, ...]) -> tuple[http.Target, ...]:
    """How the app is asked for through some load balancers."""
    domain = _domain(context)
    pins = {one.name: one.tls.pin(domain) for one in facts.tls if one.tls}
    return http.targets(balancers, domain, pins)


def _domain(context: Context) -> str:
    return context.config.domains[0] if context.config.domains else ""


@contextmanager
def opened(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Iterator[Context]:
    """A context whose locks are given back and whose connections are closed at the end.

    Commands that its errors advise name the stage.
    """
    owner = local.this_process()
    with closing(opener(stage, config, owner)) as fleet:
        context = Context(config, stage, fleet, owner)
        try:
            yield context
        except VpsdeployError as error:
            error.next = with_stage(error.next, stage.name)
            raise
        finally:
            unlock(context)


def with_stage(advice: str, stage: str) -> str:
    """Advice whose commands can be typed as they are in a project with several stages."""
    return advice if "--stage" in advice else _ADVISED.sub(rf"\g<0> --stage {stage}", advice)


def lock(
    context: Context, host: str, message: str, *, manual: bool = False, wait: bool = False
) -> dict[str, Any]:
    """Take the lock on one host, also from a process of this machine that is gone.

    Args:
        context: The hosts.
        host: Inventory name.
        message: What for.
        manual: Whether it is a person's, which only `unlock` ends.
        wait: Whether the host is to keep us a place in its queue: we ask again soon.

    Raises: LockHeld: somebody else releases; says who, why and since when.
    """
    request = {
        "message": message,
        "owner": context.owner.as_dict(),
        "lease_seconds": _LEASE_SECONDS + context.config.health.timeout_seconds,
        "manual": manual,
        "wait": wait,
    }
    if not manual:
        context.asked[host] = request
    try:
        answer = _ask_for_lock(context, host, request)
    except VpsdeployError:
        context.asked.pop(host, None)
        raise
    context.tokens[host] = str(answer["token"])
    context.asked.pop(host, None)
    return answer


def _ask_for_lock(context: Context, host: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return context.call(host, "lock", request)
    except LockHeld as held:
        dead = dead_owner(context, host)
        if dead is None:
            held.next = held.next or "wait until it has ended, then run the command again"
            raise
        return context.call(host, "lock", {**request, "dead_owner": dead})


def unlock(context: Context) -> dict[str, VpsdeployError]:
    """Give back every lock that we hold, and tell what was done.

    Returns: what went wrong, by host: its lease runs out by itself.
    """
    each(tuple(context.asked), lambda host: _learn_token(context, host))
    request = {"force": False, "entry": context.story.entry()}
    outcome = each(context.tokens, lambda name: context.call(name, "unlock", request))
    for host in outcome.answers:
        del context.tokens[host]
    return outcome.errors


def _learn_token(context: Context, host: str) -> None:
    """Ctrl-C came before the answer: the same owner is told the same token again, so that we can give it back."""
    request = {**context.asked.pop(host), "wait": False}
    context.tokens[host] = str(context.call(host, "lock", request)["token"])


def dead_owner(context: Context, host: str) -> dict[str, Any] | None:
    """The lock's owner if its process is gone, empty if nobody holds the lock any more; None if it may live.

    A person's lock has no process that could die.
    """
    held = context.call(host, "facts", {})["lock"]
    if held and held.get("manual"):
        return None
    owner: dict[str, Any] = held["owner"] if held else {}
    return owner if not held or local.is_dead(owner, context.owner) else None
