"""A stage whose services get their logins, kept in a directory of the test's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.config.app import AppConfig
from orchestrator.model.fleet import Stage
from orchestrator.model.provision import ServiceReady
from orchestrator.workflows import provision_services
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig.model_validate({"app": APP, "services": {"postgresql": {}}})


class Notes:
    """What a person is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """One line."""
        self.texts.append(text)

    def __getattr__(self, _: str) -> Any:
        return lambda *_: None


def at(place: Path, *names: str) -> Stage:
    """Hosts with private addresses, whose secrets are kept there."""
    of = stage(*names)
    hosts = tuple(replace(host, private_address=host.address) for host in of.hosts)
    return replace(of, path=place / "hosts.yml", known_hosts=place / "known_hosts", hosts=hosts)


def provision(
    of: Stage, fleet: FakeFleet, config: AppConfig = CONFIG, *names: str
) -> tuple[ServiceReady, ...]:
    """What `provision host` does besides Ansible."""
    hosts = names or tuple(host.name for host in of.hosts)
    logins = provision_services.prepare(config, of, hosts, Notes())
    return provision_services.hand_over(config, of, logins, hosts, Notes(), lambda *_: fleet)
