"""What is around a rebuild: the hosts before they have an agent, Ansible, the way that users take, all in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.provision import HostCounts, HostResult, ProvisionResult, TaskFailure
from orchestrator.model.rebuild import Rebuilt
from orchestrator.transport import agent_pyz, http
from orchestrator.workflows import (
    backup_keys,
    provision,
    rebuild,
    rebuild_checks,
)
from orchestrator.workflows.rebuild import Wish
from orchestrator.workflows.rebuild_checks import Seen, Target
from tests.support.changes import OLD, Silent, live_fleet
from tests.support.fleet import APP, VERSION, FakeFleet, stage

CONFIG = AppConfig.model_validate(
    {"app": APP, "backup": {"targets": {"disk": "/mnt/backups", "far": "/mnt/far"}}}
)
EMPTY = Seen((), False, {}, {})
HOSTS = """\
all:  # ours
  hosts:
    web-1: {ansible_host: 10.0.0.1}  # the first
    web-2:
      ansible_host: "10.0.0.2"
  children:
    app: {hosts: {web-1: {}, web-2: {}}}
    loadbalancer: {hosts: {web-1: {}}}
"""


class World:
    """What is outside: the hosts before they have an agent, Ansible, the way that users take."""

    def __init__(self, place: Stage) -> None:
        self.stage, self.fleet = place, FakeFleet(place)
        self.alive, self.seen = False, EMPTY
        self.silent: set[str] = set()
        self.looked: tuple[Target, ...] = (Target("disk", ("6f06cbf8aa",)),)
        self.provisioned: list[tuple[str, ...]] = []
        self.failure: TaskFailure | None = None
        self.told = Silent()
        self.asked: list[str] = []

    def provision(self, _c: object, of: Stage, hosts: tuple[Any, ...], *_: object) -> ProvisionResult:
        """Ansible."""
        self.provisioned.append(tuple(f"{one.name}@{one.address}" for one in hosts))
        done = tuple(HostResult(one.name, HostCounts(), 0, 1.0, notices=("a notice",)) for one in hosts)
        return ProvisionResult(of.name, done, False, 1.0, (self.failure,) if self.failure else ())

    def answers(self, _: Stage, host: Host, user: str | None = None) -> bool:
        """The lost host where the test says so, the others as deploy unless they are lost, too."""
        return host.name not in self.silent if user else self.alive

    def run(self, wish: Wish, *, agree: bool = False, config: AppConfig = CONFIG) -> Rebuilt:
        """The command."""

        def ask(question: str) -> bool:
            self.asked.append(question)
            return agree

        return rebuild.run(
            config,
            self.stage,
            wish,
            self.told,
            lambda _: pytest.fail("no Ansible here"),
            ask,
            lambda *_: self.fleet,
        )


def at(tmp_path: Path, *names: str, balancers: tuple[str, ...] = ()) -> Stage:
    """A stage that is written down."""
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    of = stage(*names, balancers=balancers)
    lines = "".join(f"    {name}: {{ansible_host: 10.0.1.{n}}}\n" for n, name in enumerate(balancers, 1))
    (folder / "hosts.yml").write_text(HOSTS.replace("  children:\n", f"{lines}  children:\n"))
    hosts = tuple(replace(one, private_address=one.address) for one in of.hosts)
    return replace(of, path=folder / "hosts.yml", known_hosts=folder / "known_hosts", hosts=hosts)


@pytest.fixture(name="world")
def world_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The only host is lost; its keys are in the repository."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    world = World(at(tmp_path, "web-1"))
    backup_keys.ready(CONFIG, world.stage)
    world.fleet.hosts["web-1"].kept_release = OLD
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)
    monkeypatch.setattr(rebuild_checks, "answers", world.answers)
    monkeypatch.setattr(rebuild_checks, "ask", lambda *_: world.seen)
    monkeypatch.setattr(rebuild_checks, "looked_at", lambda *_: world.looked)
    monkeypatch.setattr(provision, "run", world.provision)
    monkeypatch.setattr(http, "reachable", lambda _: True)
    return world


def fleet_of(world: World, place: Path, *names: str, balancers: tuple[str, ...] = (), lost: str) -> None:
    """A fleet whose release is live on green, and that has lost a host."""
    world.stage = at(place, *names, balancers=balancers)
    backup_keys.ready(CONFIG, world.stage)
    world.fleet = live_fleet(world.stage)
    world.fleet.hosts[lost] = FakeFleet(world.stage).hosts[lost]
