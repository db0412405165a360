"""`vpsdeploy rollback`: a kept release becomes live again, behind the same gate and flip as a new one."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import AppConfig
from orchestrator.facts.fleet import FleetFacts
from orchestrator.facts.host import ReleaseFacts
from orchestrator.model.change import Changed
from orchestrator.model.fleet import Stage
from orchestrator.plan import choose, migration, preflight, settings, size
from orchestrator.plan.release import Target, idle_colour
from orchestrator.report.reporter import Reporter
from orchestrator.transport import agent_pyz
from orchestrator.workflows.audience import told
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened

_HISTORY_LINES = 200
"""Far more than the kept releases can have left (our choice)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for.

    Attributes:
        release: Id or its beginning; empty for the release that was live before.
        wait_drain: Whether to wait until the old pool is gone.
        across_irreversible: Whether to go back behind a migration that is marked irreversible.
        wait_seconds: How long to wait for a lock that somebody else holds.
        hooks: Whether the app's hooks run.
        command: On whose behalf: a rebuilt host gets its release back in the same way.
    """

    release: str = ""
    wait_drain: bool = False
    across_irreversible: bool = False
    wait_seconds: float = 0
    hooks: bool = True
    command: str = "rollback"


def run(
    config: AppConfig, stage: Stage, wish: Wish, reporter: Reporter, opener: Opener = open_over_ssh
) -> Changed:
    """Go back.

    Raises: UsageError: no such release; ReleaseFailed and others as for a release.
    """
    message = f"{wish.command} to {wish.release or 'the previous release'}"
    config = config if wish.hooks else config.without_hooks()
    with opened(config, stage, opener) as context, told(context, reporter, wish.command) as audience:
        facts = context.facts()
        preflight.check_hosts(facts, agent_pyz.version())
        chosen = choose.named(facts, wish.release) if wish.release else _previous(context, facts)
        doing = f"rolling back from {facts.live} to" if facts.live else "going back to"
        reporter.note(f"{doing} {chosen.id}  {chosen.subject}".rstrip())
        change = ChangeOver(
            context, reporter, facts, lambda now: _target(config, now, chosen.id, wish), message,
            wait_drain=wish.wait_drain, wait_seconds=wish.wait_seconds, decided=bool(wish.release),
        )  # fmt: skip
        audience.started(chosen.id, facts)
        return change.run()


def _target(config: AppConfig, facts: FleetFacts, release: str, wish: Wish) -> Target:
    """Named, not "the previous one": asked again under the lock, that could be another."""
    chosen = choose.named(facts, release)
    migration.guard(facts, chosen.id, allowed=wish.across_irreversible)
    kept = settings.kept(config, chosen)
    return Target(chosen.id, idle_colour(facts), kept, instances=size.of_kept(facts, kept["instances"]))


def _previous(context: Context, facts: FleetFacts) -> ReleaseFacts:
    answer = context.call(facts.apps[0].name, "history", {"lines": _HISTORY_LINES, "verbs": ["confirm"]})
    return choose.previous(facts, answer["lines"])
