"""`vpsdeploy status`: the same question as `releases`, shown by host and instance, and how the app's services are."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.config import AppConfig
from orchestrator.model.fleet import Stage
from orchestrator.model.service import ServiceHealth
from orchestrator.workflows import releases, services
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened


@dataclass(frozen=True, slots=True)
class Looked:
    """What the hosts say.

    Attributes:
        seen: Of the app.
        services: Of its databases and brokers, in the order of vpsdeploy.yml.
    """

    seen: releases.Seen
    services: tuple[ServiceHealth, ...] = ()


def run(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Looked:
    """Ask every host; one that is down does not hide what the others say.

    Raises: VpsdeployError: no host answers.
    """
    with opened(config, stage, opener) as context:
        seen = releases.look(context)
        return Looked(seen, services.look(context) if config.services else ())
