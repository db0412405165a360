"""Which Node.js a release runs on."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostNotReady
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan.node import choose
from tests.support.fleet import APP, FakeHost, stage

STAGE = stage("web-1", "web-2")
LTS = frozenset({22, 24, 26})
N_API_OR_NONE = 0


def facts(*installed: list[str]) -> FleetFacts:
    """Two app hosts with these versions."""
    found = []
    for one, versions in zip(STAGE.hosts, installed, strict=True):
        found.append(host.parse(one.name, APP, {**FakeHost(one).facts({}), "node_versions": versions}))
    return FleetFacts(STAGE, tuple(found))


@pytest.mark.parametrize(
    ("request_", "abi", "chosen"),
    [
        ("lts", N_API_OR_NONE, "26.10.0"),
        ("lts", 137, "24.21.0"),
        ("24", N_API_OR_NONE, "24.21.0"),
        ("24.3.0", 137, "24.3.0"),
    ],
)
def test_the_newest_version_that_fits_and_loads_is_chosen(request_: str, abi: int, chosen: str) -> None:
    """Of the versions that every host has: the request, and the ABI of the bundle's native modules."""
    both = facts(["24.3.0", "24.21.0", "26.10.0"], ["22.1.0", "24.3.0", "24.21.0", "26.10.0", "27.0.0"])
    assert choose(request_, LTS, both, abi) == chosen


@pytest.mark.parametrize(
    ("abi", "why"),
    [
        (115, "compiled for Node.js 20 (ABI 115); a release would run on 24.21.0"),
        (999, "compiled for another Node.js (ABI 999); a release would run on 24.21.0"),
    ],
)
def test_native_modules_for_another_node_are_refused(abi: int, why: str) -> None:
    """Such a release would crash at its first require: it is refused before anything is sent."""
    with pytest.raises(HostNotReady, match="native modules for another") as caught:
        choose("24", LTS, facts(["24.21.0"], ["24.21.0"]), abi)
    assert why in caught.value.why
    assert "build with Node.js 24" in caught.value.next


def test_a_line_newer_than_our_list_may_have_an_abi_newer_than_our_list() -> None:
    """vpsdeploy of today can release onto next year's Node."""
    both = facts(["28.1.0"], ["28.1.0"])
    assert choose("28", LTS, both, 999) == "28.1.0"
    with pytest.raises(HostNotReady, match="native modules"):
        choose("28", LTS, both, 137)


def test_a_node_that_one_host_lacks_is_named() -> None:
    """The host without it is in the error."""
    with pytest.raises(HostNotReady, match=r"Node.js 26 is not installed") as caught:
        choose("26", LTS, facts(["26.10.0"], ["24.21.0"]))
    assert caught.value.host == "web-2"
