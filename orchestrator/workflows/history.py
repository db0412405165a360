"""`vpsdeploy history`: who changed what, when and how it ended, merged over the hosts."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import AppConfig
from orchestrator.config.inventory import choose_hosts
from orchestrator.facts import history
from orchestrator.facts.history import Change
from orchestrator.model.fleet import Stage
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each

_LINES_A_CHANGE = 12
"""A release writes about six lines on a host that has both roles; twice as many, for safety (our choice)."""

_MOST_LINES = 10_000
"""As many as the agent gives."""


@dataclass(frozen=True, slots=True)
class Histories:
    """What the hosts told.

    Attributes:
        changes: Newest first.
        missing: Why a host could not be asked, by host: the story may have holes.
    """

    app: str
    stage: str
    changes: tuple[Change, ...]
    missing: dict[str, str]


def run(
    config: AppConfig, stage: Stage, lines: int, hosts: tuple[str, ...] = (), opener: Opener = open_over_ssh
) -> Histories:
    """Ask the hosts, and make one story of what they say; one host that answers is enough.

    Args:
        config: The app.
        stage: The hosts.
        lines: Newest changes to tell (count).
        hosts: Whom to ask; none for all.
        opener: How they are reached.
    Raises: UsageError: no such host; VpsdeployError: no host can be asked.
    """
    names = [host.name for host in (choose_hosts(stage, hosts) if hosts else stage.hosts)]
    wanted = {"lines": min(_MOST_LINES, lines * _LINES_A_CHANGE)}
    with opened(config, stage, opener) as context:
        outcome = each(names, lambda name: context.call(name, "history", wanted))
        if not outcome.answers:
            outcome.or_raise()
    answers = {name: outcome.answers[name]["lines"] for name in names if name in outcome.answers}
    missing = {name: f"{error.what}: {error.why}".rstrip(": ") for name, error in outcome.errors.items()}
    return Histories(config.app, stage.name, history.parse(answers)[:lines], missing)
