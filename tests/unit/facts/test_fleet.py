"""What the hosts of a stage say together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.facts import host as host_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host, Stage

OLD, NEW = "20261122101500-1f3a9c2e", "20261122143000-77ab01d4"
BOTH = frozenset({"app", "loadbalancer"})


def pool(release: str) -> dict[str, Any] | None:
    """A pool that runs a release; None for no release."""
    return {"release": release, "ports": [4001], "state": "running"} if release else None


def fleet(*blue: str, pending: dict[str, Any] | None = None) -> FleetFacts:
    """Hosts whose blue pools run these releases; blue is live on the first, which is the load balancer."""
    names = [f"web-{n}" for n, _ in enumerate(blue, 1)]
    hosts = tuple(
        Host(name, name, groups=BOTH if n == 0 else frozenset({"app"})) for n, name in enumerate(names)
    )
    answers: list[dict[str, Any]] = [
        {
            "version": "1", "arch": "x86_64", "memory_bytes": 1, "disk_free_bytes": 1, "inodes_free": 1,
            "node_versions": [], "apps": {"shop": {}}, "live": "blue" if n == 0 else None,
            "pools": {"blue": pool(release), "green": None}, "pending": pending if n == 0 else None, "lock": None,
            "current": release or None, "releases": [], "instances": [], "last": None,
        }
        for n, release in enumerate(blue)
    ]  # fmt: skip
    parsed = tuple(
        host_facts.parse(name, "shop", answer) for name, answer in zip(names, answers, strict=True)
    )
    return FleetFacts(Stage("live", Path("hosts.yml"), Path("known_hosts"), hosts), parsed)


def test_the_live_release_is_the_one_that_all_run() -> None:
    """In the pool that the load balancers route to."""
    assert fleet(OLD, OLD).live == OLD
    assert fleet(OLD, OLD).state() == f"live is {OLD} on all hosts"


def test_a_host_that_was_added_serves_nobody_yet() -> None:
    """It does not hide what users see on the others."""
    assert fleet(OLD, "").live == OLD
    assert fleet(OLD, "").state() == f"live is {OLD} on all hosts but web-2"


def test_nothing_is_live_before_the_first_release() -> None:
    """And an error says so."""
    assert fleet("", "").live == ""
    assert fleet("", "").state() == "no release is live"


def test_hosts_that_disagree_have_no_live_release() -> None:
    """A mixed fleet is never shown as one release."""
    assert fleet(OLD, NEW).live == ""
    assert fleet(OLD, NEW).state() == "the app hosts run different releases: see `vpsdeploy status`"


def test_a_flip_that_waits_is_not_settled() -> None:
    """Until it is confirmed or taken back nothing is certain."""
    waiting = fleet(OLD, OLD, pending={"from": "green", "to": "blue", "deadline": 0})
    assert not waiting.settled
    assert waiting.state() == "the load balancers disagree: see `vpsdeploy status`"
