"""Maintenance on a fleet in memory: on all load balancers or on none."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostNotReady, HostUnreachable, UsageError
from orchestrator.report import maintenance as report
from orchestrator.transport import agent_pyz
from orchestrator.workflows import maintenance
from tests.support.fleet import APP, VERSION, FakeFleet, stage

CONFIG = AppConfig(app=APP)
TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])


@pytest.fixture(autouse=True)
def _our_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)


@pytest.fixture(name="fleet")
def _fleet() -> FakeFleet:
    return FakeFleet(TWO)


def on(fleet: FakeFleet, message: str = "Back soon", *allow: str) -> maintenance.Seen:
    """Turn it on."""
    return maintenance.turn_on(CONFIG, TWO, message, allow, 60, lambda *_: fleet)


def off(fleet: FakeFleet) -> maintenance.Seen:
    """Turn it off."""
    return maintenance.turn_off(CONFIG, TWO, lambda *_: fleet)


def messages(fleet: FakeFleet) -> list[Any]:
    """What each load balancer tells users; None where it serves."""
    found = (fleet.hosts[name].maintenance for name in ("lb-1", "lb-2"))
    return [one and one["message"] for one in found]


def test_it_is_on_on_every_load_balancer_and_off_again(fleet: FakeFleet) -> None:
    """App hosts are not even asked: one that is down must not stand in the way."""
    assert on(fleet).changed
    assert messages(fleet) == ["Back soon", "Back soon"]
    assert off(fleet).changed
    assert messages(fleet) == [None, None]
    assert {host for host, _ in fleet.calls} == {"lb-1", "lb-2"}


def test_no_lock_is_taken(fleet: FakeFleet) -> None:
    """It must be possible while a release runs."""
    on(fleet)
    assert {verb for _, verb in fleet.calls} == {"facts", "maintenance"}


def test_off_twice_is_no_error(fleet: FakeFleet) -> None:
    """And says that nothing changed."""
    assert not off(fleet).changed


@pytest.mark.parametrize("before", ["", "Older"])
def test_a_load_balancer_that_fails_leaves_all_as_they_were(fleet: FakeFleet, before: str) -> None:
    """Off stays off, an older message stays."""
    if before:
        on(fleet, before)
    failing = ["lb-2"]

    def fail(host: str, verb: str) -> None:
        if verb == "maintenance" and host in failing:
            failing.remove(host)
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        on(fleet, "Newer")
    assert messages(fleet) == [before or None] * 2
    assert caught.value.state == "maintenance is as it was on all load balancers"


def test_one_that_cannot_be_asked_again_is_named(fleet: FakeFleet) -> None:
    """It may have been told before its connection was lost."""

    def fail(host: str, verb: str) -> None:
        if (host, verb) == ("lb-2", "maintenance"):
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        on(fleet)
    assert messages(fleet) == [None, None]
    assert "lb-2 could not be asked and may differ" in caught.value.state
    assert caught.value.next == "vpsdeploy maintenance status"


def test_another_agent_is_refused(fleet: FakeFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first load balancer is told."""
    monkeypatch.setattr(agent_pyz, "version", lambda: "2+def")
    with pytest.raises(HostNotReady):
        on(fleet)
    assert messages(fleet) == [None, None]


def test_bad_input_asks_no_host(fleet: FakeFleet) -> None:
    """Refused on the controller."""
    with pytest.raises(UsageError):
        on(fleet, "a\x07b")
    assert fleet.calls == []


def test_load_balancers_that_differ_are_said_loudly(fleet: FakeFleet) -> None:
    """One was added, or is back from a long absence; clocks that differ are no difference."""
    on(fleet, "Back soon", "203.0.113.7")
    fleet.hosts["lb-1"].maintenance |= {"since": "2026-11-01T01:00:00Z"}  # type: ignore[operator] # it is on
    seen = maintenance.look(CONFIG, TWO, lambda *_: fleet)
    text = report.text(seen.balancers, changed=False, asked=False)
    assert text.startswith(
        "MAINTENANCE IS ON since 2026-11-01T01:00:00Z, by test@here, on lb-1, lb-2: users get 503\n"
    )
    assert "let through:  203.0.113.7" in text
    fleet.hosts["lb-2"].maintenance = None
    seen = maintenance.look(CONFIG, TWO, lambda *_: fleet)
    assert "THE LOAD BALANCERS DIFFER; it is OFF on lb-2" in report.text(
        seen.balancers, changed=False, asked=False
    )
