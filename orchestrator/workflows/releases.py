"""`vpsdeploy releases` and `vpsdeploy status`: what the hosts say, asked in one round trip."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import AppConfig
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Stage
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened, url


@dataclass(frozen=True, slots=True)
class Seen:
    """Facts of all hosts, and where the app answers."""

    app: str
    url: str
    facts: FleetFacts


def run(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Seen:
    """Ask every host, also those that are out.

    Raises: VpsdeployError: a host is unreachable or not provisioned.
    """
    with opened(config, stage, opener) as context:
        return Seen(config.app, url(context), context.facts(also=[host.name for host in stage.hosts]))
