"""A fleet in memory whose hosts have updates that wait."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.model.fleet import Stage
from orchestrator.model.patch import Patched
from orchestrator.plan.patch import Wish
from orchestrator.transport import agent_pyz, http
from orchestrator.workflows import patch, patch_host
from tests.support.changes import CONFIG, OLD, Silent, SilentProbe, live_fleet
from tests.support.fleet import VERSION, FakeFleet, stage
from tests.unit.workflows.conftest import Clock

FLEET = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])
ONE = stage("web-1")
OPENSSL = {"package": "libssl3", "from": "3.0.1", "to": "3.0.2", "security": True, "restarts": ""}
KERNEL = {"package": "linux-image-amd64", "from": "6.1.1", "to": "6.1.2", "security": True, "restarts": ""}
TZDATA = {"package": "tzdata", "from": "2026a", "to": "2026b", "security": False, "restarts": ""}


@pytest.fixture(autouse=True, name="no_network")
def no_network_of(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Nobody is asked but the fleet in memory."""
    monkeypatch.setattr(http, "Probe", SilentProbe)
    monkeypatch.setattr(http, "reachable", lambda _: True)
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)
    monkeypatch.setattr(patch_host, "time", clock)


def fleet_of(of: Stage = FLEET, *pending: dict[str, Any]) -> FakeFleet:
    """A fleet that serves, where these updates wait on every host."""
    fleet = live_fleet(of)
    for host in fleet.hosts.values():
        host.pending_updates = list(pending or (OPENSSL, TZDATA))
    return fleet


def run(fleet: FakeFleet, of: Stage = FLEET, **wish: Any) -> Patched:
    """`vpsdeploy host patch`."""
    return patch.run(CONFIG, of, of.hosts, Wish(**wish), Silent(), lambda *_: fleet)


def did(fleet: FakeFleet, *verbs: str) -> list[tuple[str, str]]:
    """The calls of these verbs, in order."""
    return [(host, verb) for host, verb in fleet.calls if verb in verbs]


def whole(fleet: FakeFleet) -> bool:
    """Whether all is as before: everybody in, one release, no lock."""
    assert all(host.lock is None for host in fleet.hosts.values())
    return fleet.summary() == {("green", OLD)} and not any(host.out for host in fleet.hosts.values())
