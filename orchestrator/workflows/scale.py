"""`vpsdeploy scale`: the live release in a pool of another size, behind the same gate and flip as a new release."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import AppConfig
from orchestrator.errors import UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed
from orchestrator.model.fleet import Stage
from orchestrator.plan import preflight, settings, size
from orchestrator.plan.release import Target, idle_colour
from orchestrator.report.reporter import Reporter
from orchestrator.transport import agent_pyz
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        instances: On each app host (count).
        wait_seconds: How long to wait for a lock that somebody else holds.
    """

    instances: int
    wait_seconds: float = 0


def run(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Changed | None:
    """Run as many instances on each app host as are asked for. No hook runs: nothing new goes live.

    Returns: What was done; None where so many run already.
    Raises: UsageError: too many, or nothing is live; others as for a release.
    """
    config = config.without_hooks()
    with opened(config, stage, opener) as context:
        context.story.command, instances = "scale", wish.instances
        facts = context.facts()
        preflight.check_hosts(facts, agent_pyz.version())
        if size.running(facts) == instances and facts.settled:
            return None
        target = _target(config, facts, instances)
        for hint in size.hints(config, facts, instances):
            reporter.note(f"hint: {hint}")
        return ChangeOver(
            context, reporter, facts, lambda now: _target(config, now, instances, target.release),
            f"scale to {instances}", wait_seconds=wish.wait_seconds,
        ).run()  # fmt: skip


def _target(config: AppConfig, facts: FleetFacts, instances: int, release: str = "") -> Target:
    """Asked again under the lock: what is scaled is the release that was live when somebody looked."""
    live = size.live_release(facts)
    if live is None:
        raise UsageError(
            "there is nothing to scale", why="no release is live", state=f"nothing was changed; {facts.state()}",
            next="vpsdeploy release",
        )  # fmt: skip
    if release not in ("", live.id):
        raise UsageError(
            "another release became live meanwhile", why=f"{live.id} instead of {release}",
            state=f"nothing was changed; {facts.state()}", next="vpsdeploy status, then the same command again",
        )  # fmt: skip
    size.check(config, facts, instances)
    return Target(live.id, idle_colour(facts), settings.kept(config, live), instances=instances)
