"""The choice of the Node version that a release runs on."""

from __future__ import annotations

import json

import pytest

from orchestrator import shipped
from orchestrator.errors import HostNotReady
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import node
from tests.support.fleet import APP, FakeHost, stage

LTS = frozenset({24, 26})


def facts_of(*versions: list[str]) -> FleetFacts:
    """App hosts with these versions."""
    of = stage(*(f"web-{n}" for n, _ in enumerate(versions, 1)))
    answers = (
        {**FakeHost(one).facts({}), "node_versions": have}
        for one, have in zip(of.hosts, versions, strict=True)
    )
    return FleetFacts(
        of, tuple(host.parse(one.name, APP, answer) for one, answer in zip(of.hosts, answers, strict=True))
    )


@pytest.mark.parametrize(
    ("request_", "expected"),
    [("lts", "24.21.0"), ("24", "24.21.0"), ("24.3", "24.3.1"), ("24.3.1", "24.3.1"), ("27", "27.0.0")],
)
def test_the_newest_that_fits_is_chosen(request_: str, expected: str) -> None:
    """By number, not by text; a line that is not LTS only where it is asked for."""
    assert node.choose(request_, LTS, facts_of(["24.3.1", "24.21.0", "24.9.0", "27.0.0"])) == expected


def test_every_app_host_must_have_it() -> None:
    """The newest that all have, although one has a newer one."""
    assert node.choose("lts", LTS, facts_of(["24.3.1", "26.1.0"], ["24.3.1"])) == "24.3.1"


def test_a_host_without_it_is_named() -> None:
    """And what it has instead, and what to type."""
    with pytest.raises(HostNotReady) as caught:
        node.choose("26", LTS, facts_of(["26.1.0"], ["24.3.1"]))
    assert (caught.value.host, caught.value.next) == ("web-2", "vpsdeploy provision host")
    assert caught.value.why == "web-1 has 26.1.0; web-2 has 24.3.1"


def test_lts_lines_come_from_the_schedule_that_hosts_are_provisioned_by() -> None:
    """A line is LTS from its date on until its end."""
    schedule = json.loads((shipped.roles() / "nodejs" / "files" / "schedule.json").read_text())
    assert node.lts_lines(schedule, "2026-10-27") == {22, 24}
    assert node.lts_lines(schedule, "2026-10-28") == {22, 24, 26}
