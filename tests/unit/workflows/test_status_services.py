"""How people are told of services: by `status` and `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import HostUnreachable
from orchestrator.facts import services as services_facts
from orchestrator.model.diagnosis import Level
from orchestrator.model.fleet import Stage
from orchestrator.report import services as services_report
from orchestrator.report import status as report
from orchestrator.workflows import doctor_hosts, services, status
from orchestrator.workflows.fleet import opened
from tests.support.fleet import APP, FakeFleet
from tests.support.service_stages import CONFIG, at

MONGODB = {
    "service": "mongodb", "running": True, "version": "8.0.16", "memory_bytes": 1, "connections": 3, "data_bytes": 1,
    "connections_max": 320, "waits": [], "why": "",
}  # fmt: skip


def looked(fleet: FakeFleet, of: Stage) -> status.Looked:
    """What status sees."""
    return status.run(CONFIG, of, lambda *_: fleet)


def shown(seen: status.Looked) -> str:
    """What status prints."""
    return report.text(APP, seen.seen.url, seen.seen.facts, seen.seen.silent, seen.services)


def test_status_tells_each_service(place: Path) -> None:
    """Version, memory, connections, size."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried = {"postgresql"}
    row = "postgresql  web-1  running  17.7     1 MiB   3 of 120     1 MiB"
    assert row in shown(looked(fleet, of)).splitlines()


@pytest.mark.parametrize(
    ("ailing", "told"),
    [
        (
            {"running": False, "why": "it was stopped"},
            "warning: postgresql on web-1 does not run: it was stopped",
        ),
        (
            {"connections": 110},
            "warning: postgresql on web-1 has 110 of 120 connections open: soon the app gets no more",
        ),
    ],
)
def test_what_users_will_notice_stands_first(place: Path, ailing: dict[str, Any], told: str) -> None:
    """A service that is down, or full; doctor has an error."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried, fleet.hosts["web-1"].ailing = {"postgresql"}, ailing
    seen = looked(fleet, of)
    assert shown(seen).splitlines()[0] == told
    assert [one.level for one in doctor_hosts.judge_services(of, seen.services)] == [Level.ERROR]


def test_what_is_in_no_backup_is_told_each_time(place: Path) -> None:
    """First, like other troubles; doctor warns."""
    (seen,) = services_facts.parse("web-1", {"services": [MONGODB]})
    assert services_facts.unprotected([seen]) == ["mongodb on web-1 is in no backup (docs/mongodb.md)"]
    assert services_report.fields([seen])[0]["backed_up"] is False
    levels = [one.level for one in doctor_hosts.judge_services(at(place, "web-1"), [seen])]
    assert levels == [Level.WARNING, Level.OK]


def test_what_waits_for_a_restart_is_a_warning(place: Path) -> None:
    """It runs, with the old settings."""
    of = at(place, "web-1")
    fleet = FakeFleet(of)
    fleet.hosts["web-1"].carried, fleet.hosts["web-1"].ailing = {"postgresql"}, {"waits": ["shared_buffers"]}
    seen = looked(fleet, of)
    assert "postgresql on web-1: shared_buffers will be as configured after its next start" in shown(seen)
    levels = [one.level for one in doctor_hosts.judge_services(of, seen.services)]
    assert levels == [Level.WARNING, Level.OK]


def test_a_service_that_nobody_provisioned_is_told(place: Path) -> None:
    """With what to type; so is one whose host does not answer."""
    of = at(place, "web-1", "web-2")
    fleet = FakeFleet(of)
    assert looked(fleet, of).services[0].why == "it is not provisioned: vpsdeploy provision host"

    def fail(host: str, _: str) -> None:
        if host == "web-1":
            raise HostUnreachable("no SSH connection", host=host)

    with opened(CONFIG, of, lambda *_: FakeFleet(of, fail)) as context:
        assert services.look(context)[0].why == "no SSH connection"
