"""`vpsdeploy maintenance`: on and off on every load balancer, or on none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import HostNotReady, VpsdeployError
from orchestrator.facts import host as host_facts
from orchestrator.facts.host import HostFacts
from orchestrator.model.fleet import Stage
from orchestrator.model.maintenance import Balancer, Maintenance
from orchestrator.plan import maintenance as plan
from orchestrator.transport import agent_pyz
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each


@dataclass(frozen=True, slots=True)
class Seen:
    """Each load balancer, in the order of the inventory.

    Attributes:
        changed: Whether the command changed one of them.
    """

    stage: str
    balancers: tuple[Balancer, ...]
    changed: bool = False


def turn_on(
    config: AppConfig, stage: Stage, message: str, allow: tuple[str, ...], retry_after_seconds: int,
    opener: Opener = open_over_ssh,
) -> Seen:  # fmt: skip
    """Answer 503 on every load balancer; where it is on already, with the new settings.

    Raises: UsageError: the message, an address or the seconds; nothing was touched. VpsdeployError: as before on all.
    """
    return _change(config, stage, plan.request(message, allow, retry_after_seconds), opener)


def turn_off(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Seen:
    """Serve the app again on every load balancer.

    Raises: VpsdeployError: and it is as before on all.
    """
    return _change(config, stage, {"on": False}, opener)


def look(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Seen:
    """Ask every load balancer.

    Raises: VpsdeployError: one is unreachable or not provisioned.
    """
    with opened(config, stage, opener) as context:
        return Seen(stage.name, tuple(Balancer(facts.name, facts.maintenance) for facts in _facts(context)))


def _change(config: AppConfig, stage: Stage, request: dict[str, Any], opener: Opener) -> Seen:
    """Asks load balancers only, and takes no lock: it must work while an app host is down or a release runs."""
    with opened(config, stage, opener) as context:
        before = {facts.name: facts.maintenance for facts in _facts(context)}
        outcome = each(before, lambda name: context.call(name, "maintenance", request))
        try:
            answers = outcome.or_raise()
        except VpsdeployError as error:
            error.state = _take_back(context, before)
            error.next = error.next or "vpsdeploy maintenance status"
            raise
        now = {name: host_facts.maintenance(answer["maintenance"]) for name, answer in answers.items()}
        changed = any(answer["changed"] for answer in answers.values())
        return Seen(stage.name, tuple(Balancer(name, now[name]) for name in before), changed)


def _take_back(context: Context, before: dict[str, Maintenance | None]) -> str:
    """On all: one whose connection was lost may have been told before. Returns: the state that this leaves."""
    undone = each(before, lambda name: context.call(name, "maintenance", plan.back_to(before[name])))
    if not undone.errors:
        return "maintenance is as it was on all load balancers"
    return (
        f"maintenance is as it was, but {', '.join(sorted(undone.errors))} could not be asked and may differ"
    )


def _facts(context: Context) -> tuple[HostFacts, ...]:
    """Of the load balancers.

    Raises: HostNotReady: not provisioned, or with another agent.
    """
    names = [host.name for host in context.stage.loadbalancers]
    answers = each(names, lambda name: context.call(name, "facts", {})).or_raise()
    found = tuple(host_facts.parse(name, context.config.app, answers[name]) for name in names)
    for facts in found:
        if not facts.provisioned or facts.live is None or facts.version != agent_pyz.version():
            raise HostNotReady(
                "the load balancer is not provisioned for this", host=f"{facts.name} ({context.stage.name})",
                why=f"its agent is {facts.version}, we are {agent_pyz.version()}; route: {facts.live or 'none'}",
                state="nothing was changed", next=f"vpsdeploy provision host {facts.name}",
            )  # fmt: skip
    return found
