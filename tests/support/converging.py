"""A provisioning without hosts: what they would answer, and a run of Ansible that was recorded from real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.config import AppConfig
from orchestrator.errors import VpsdeployError
from orchestrator.model.fleet import GROUP_APP, GROUP_LOADBALANCER, Host, Stage
from orchestrator.model.provision import Event, Output, ProvisionResult
from orchestrator.report.provision_progress import Lines
from orchestrator.report.reporter import Console
from orchestrator.transport import agent_pyz, ansible, ansible_events, ssh_check, ssh_public_keys
from orchestrator.transport.ansible_settings import Play
from orchestrator.transport.ssh_check import Reached
from orchestrator.workflows import converged, provision
from orchestrator.workflows.provision import Wish

STREAMS = Path(__file__).parents[1] / "unit" / "transport" / "data"
CONFIG = AppConfig(app="shop", domains=("shop.example",))


class World:
    """The transport's stand-in: answers of the hosts, a recorded run of Ansible."""

    def __init__(self) -> None:
        self.plays: list[Play] = []
        self.errors: list[VpsdeployError] = []
        self.differences: dict[str, list[str]] | None = None
        self.closed = 0
        self.directory = Path()
        self.stream, self.code = "provision_ok", 0
        self.interrupt = False
        self.login = ""

    def ansible(self, play: Play, directory: Path, _config: Path, on_event: Callable[[Event], None]) -> int:
        """Replays the stream."""
        self.plays.append(play)
        self.directory = directory
        if self.interrupt:
            raise KeyboardInterrupt
        for line in (STREAMS / f"{self.stream}.jsonl").read_text().splitlines() if self.stream else ():
            event = ansible_events.parse(json.loads(line))
            if event and getattr(event, "host", play.hosts[0]) in play.hosts:
                on_event(event)
        if not self.stream:
            on_event(Output("[ERROR]: the role 'nginx' was not found", is_error=True))
        return self.code

    def ask_all(self, hosts: tuple[Host, ...]) -> list[Reached]:
        """What the hosts say: errors, or audits of the last play where `differences` is set."""
        if self.errors:
            return [Reached(error, "", host) for error, host in zip(self.errors, hosts, strict=False)]
        found = [replace(host, user=self.login or host.user) for host in hosts]
        return [Reached(None, self._audit(host.name), host) for host in found]

    def _audit(self, host: str) -> str:
        if self.differences is None:
            return ""
        fingerprint = self.plays[0].variables["vpsdeploy_fingerprint"]
        both = Host("web-1", "10.0.0.11", groups=frozenset({GROUP_APP, GROUP_LOADBALANCER}))
        recorded = sorted(converged.recorded_on(both))
        found = {
            "fingerprint": fingerprint,
            "recorded": recorded,
            "differences": self.differences.get(host, []),
        }
        return json.dumps({"event": "result", **found})

    def close(self, *_: object) -> None:
        """Counts the closings."""
        self.closed += 1


def world_of(monkeypatch: pytest.MonkeyPatch) -> World:
    """The workflow with this transport, until the test has ended."""
    world = World()
    monkeypatch.setattr(ansible, "run", world.ansible)
    monkeypatch.setattr(ssh_check, "ask_all", lambda *given: world.ask_all(given[2]))
    monkeypatch.setattr(ssh_check, "close_all", world.close)
    monkeypatch.setattr(ssh_public_keys, "collect", lambda *_: ("ssh-ed25519 AAAA",))
    monkeypatch.setattr(agent_pyz, "build", lambda target: SimpleNamespace(path=target, digest="d"))
    return world


def stage(*addresses: str) -> Stage:
    """A stage with a host for each address."""
    hosts = tuple(
        Host(f"web-{n}", address) for n, address in enumerate(addresses or ("10.0.0.11", "10.0.0.12"), 1)
    )
    return Stage("production", Path("inventories/production/hosts.yml"), Path("known_hosts"), hosts)


def run(stage: Stage, wish: Wish = Wish(), hosts: tuple[Host, ...] = ()) -> ProvisionResult:  # noqa: B008 - frozen
    """Run the workflow on all hosts of the stage."""
    return provision.run(CONFIG, stage, hosts or stage.hosts, wish, Console(), lambda _: Lines())
