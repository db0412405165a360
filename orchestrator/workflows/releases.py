"""`vpsdeploy releases` and `vpsdeploy status`: what the hosts say, asked in one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.config import AppConfig
from orchestrator.errors import VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Stage
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened, url, with_stage


@dataclass(frozen=True, slots=True)
class Seen:
    """What the hosts say, and where the app answers.

    Attributes:
        facts: Of the hosts that answered.
        silent: Why the others did not, by host.
    """

    app: str
    url: str
    facts: FleetFacts
    silent: Mapping[str, VpsdeployError]


def run(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Seen:
    """Ask every host, also those that are out; one that is down does not hide what the others say.

    Raises: VpsdeployError: no host answers.
    """
    with opened(config, stage, opener) as context:
        return look(context)


def look(context: Context) -> Seen:
    """The same over connections that are there.

    Raises: VpsdeployError: no host answers.
    """
    facts, silent = context.facts_of_answering()
    for error in silent.values():
        error.next = with_stage(error.next, context.stage.name)
    return Seen(context.config.app, url(context, facts), facts, silent)
