"""`vpsdeploy env apply`: the live release with today's env variables, as a new release; nothing is built or sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.config import AppConfig
from orchestrator.config.secrets import Opening
from orchestrator.errors import UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed
from orchestrator.model.fleet import Stage
from orchestrator.plan import environment, preflight, settings, size
from orchestrator.plan.release import Target, idle_colour
from orchestrator.project.revision import release_id
from orchestrator.report.reporter import Reporter
from orchestrator.transport import agent_pyz
from orchestrator.workflows.audience import told
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened
from orchestrator.workflows.release import checked_secrets

COMMAND = "env apply"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        wait_drain: Whether to wait until the old pool is gone.
        wait_seconds: How long to wait for a lock that somebody else holds.
        hooks: Whether the app's hooks run.
    """

    wait_drain: bool = False
    wait_seconds: float = 0
    hooks: bool = True


def run(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Changed:
    """Make the release and make it live, behind the same gate, flip and watch as any other.

    Raises: UsageError: nothing is live. ConfigError: as for a release. VpsdeployError: users see what they saw before.
    """
    secrets = checked_secrets(config, stage)
    config = config if wish.hooks else config.without_hooks()
    with opened(config, stage, opener) as context, told(context, reporter, COMMAND) as audience:
        facts = context.facts()
        preflight.check_hosts(facts, agent_pyz.version())
        live = facts.live
        release = release_id(datetime.now(UTC), live.rpartition("-")[2])
        change = ChangeOver(
            context, reporter, facts, lambda now: _target(config, now, live, release, secrets), f"{COMMAND} {release}",
            wait_drain=wish.wait_drain, wait_seconds=wish.wait_seconds,
        )  # fmt: skip
        audience.started(release, facts)
        return change.run()


def _target(config: AppConfig, facts: FleetFacts, live: str, release: str, secrets: Opening) -> Target:
    """Asked again under the lock: what gets another environment is the release that was live when somebody looked."""
    kept = size.live_release(facts)
    if kept is None:
        raise UsageError(
            "there is nothing to give an environment to", why="no release is live",
            state=f"nothing was changed; {facts.state()}", next="vpsdeploy release",
        )  # fmt: skip
    if kept.id != live:
        raise UsageError(
            "another release became live meanwhile", why=f"{kept.id} instead of {live}",
            state=f"nothing was changed; {facts.state()}", next="vpsdeploy status, then the same command again",
        )  # fmt: skip
    wanted = {**settings.kept(config, kept), **environment.of(config, secrets.values())}
    wanted.pop("migrate", None)
    return Target(
        release, idle_colour(facts), wanted, instances=size.of_kept(facts, wanted["instances"]), made_of=live
    )
