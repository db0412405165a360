"""A release at work on a fleet in memory: failures, interrupts and dead controllers at every step."""

from __future__ import annotations

import pytest

from orchestrator.errors import HostUnreachable, ReleaseFailed, VpsdeployError
from orchestrator.model.fleet import Stage
from tests.support.changes import BEFORE_FLIP, NEW, OLD, ONE, TIDY, TWO, fail_at, live_fleet, release
from tests.support.fleet import FakeFleet


@pytest.mark.parametrize("of", [ONE, TWO], ids=["one host", "two and two"])
def test_a_release_goes_live_on_every_host(of: Stage) -> None:
    """Afterwards all load balancers route to the new release, and nothing is locked or pending."""
    fleet = live_fleet(of)
    changed = release(fleet, of)
    assert (changed.release, changed.previous) == (NEW, OLD)
    assert fleet.summary() == {("blue", NEW)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())


def test_the_first_release_has_nothing_to_drain() -> None:
    """Without an old pool there is no drain, and no previous release."""
    fleet = FakeFleet(ONE)
    changed = release(fleet, ONE)
    assert changed.previous == ""
    assert "drain" not in {verb for _, verb in fleet.calls}


@pytest.mark.parametrize("of", [ONE, TWO], ids=["one host", "two and two"])
@pytest.mark.parametrize("verb", [*BEFORE_FLIP, "flip", "traffic", "instances", "confirm"])
def test_a_failing_step_leaves_users_on_the_old_release(of: Stage, verb: str) -> None:
    """Whatever fails where: the old release is live everywhere, the new pool is gone, no lock stays."""
    fleet = live_fleet(of)
    fleet.fail = fail_at(verb, ReleaseFailed("it broke", why="because"))
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, of)
    assert fleet.summary() == {("green", OLD)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())
    assert all(host.pools["blue"] is None for host in fleet.hosts.values())
    undone = "nothing was flipped" if verb in BEFORE_FLIP else "the flip was undone"
    assert caught.value.state == f"live is {OLD} on all hosts; {undone}"
    assert " of " in caught.value.step


@pytest.mark.parametrize("host", ["web-1", "web-2", "lb-1", "lb-2"])
def test_a_confirmation_that_fails_on_one_host_is_undone_on_all(host: str) -> None:
    """Hosts that were told already that the new release stays are flipped back."""
    fleet = live_fleet(TWO)
    fleet.fail = fail_at("confirm", HostUnreachable("lost"), host)
    with pytest.raises(HostUnreachable):
        release(fleet, TWO)
    assert fleet.summary() == {("green", OLD)}
    assert {fake.current for fake in fleet.hosts.values() if fake.host.is_app} == {OLD}


@pytest.mark.parametrize("verb", TIDY)
def test_what_fails_after_the_change_is_a_warning(verb: str) -> None:
    """The release stands; the next command makes up for it."""
    fleet = live_fleet(TWO)
    fleet.fail = fail_at(verb, ReleaseFailed("it broke"))
    changed = release(fleet, TWO)
    assert fleet.summary() == {("blue", NEW)}
    assert "it broke" in changed.warnings[0]


def test_several_failing_hosts_are_all_named() -> None:
    """The first in full, the others by name and what."""
    fleet = live_fleet(TWO)

    def fail(host: str, verb: str) -> None:
        if verb == "gate":
            raise ReleaseFailed("health check failed", host=host, why=f"{host} answered 503")

    fleet.fail = fail
    with pytest.raises(VpsdeployError) as caught:
        release(fleet, TWO)
    assert caught.value.host == "web-1"
    assert caught.value.why == "web-1 answered 503\nalso on web-2: health check failed"


def test_an_undo_that_fails_says_which_host_and_what_happens_to_it() -> None:
    """A load balancer that is lost after the flip returns by its own timer; the message says so."""
    fleet = live_fleet(TWO)

    def fail(host: str, verb: str) -> None:
        if host == "lb-2" and verb in ("flip", "return", "unlock"):
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, TWO)
    assert "lb-2 could not be put in order, and flips back by itself within 60 s" in caught.value.state
    assert "lb-2 may send requests" in caught.value.state


@pytest.mark.parametrize("confirmed", [False, True], ids=["not confirmed", "confirmed"])
def test_a_pool_is_not_drained_while_a_load_balancer_may_route_to_it(confirmed: bool) -> None:
    """One that cannot be told to flip back: its users keep their pool, and the next release repairs the fleet."""
    fleet = live_fleet(TWO)

    def fail(host: str, verb: str) -> None:
        done = fleet.hosts["lb-1"].live == "blue" and (not confirmed or fleet.hosts["lb-1"].pending is None)
        if (host == "lb-1" and done) or (host == "lb-2" and verb == "confirm"):
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, TWO)
    assert all(fleet.hosts[name].pools["blue"] for name in ("web-1", "web-2"))
    assert "lb-1 may send requests" in caught.value.state
    fleet.fail, fleet.hosts["lb-1"].lock = None, None
    third = "20261103000000-cccccccc"
    release(fleet, TWO, third)
    assert {name for _, name in fleet.summary()} == {third}


def test_hosts_that_ran_different_releases_before_do_so_again() -> None:
    """No release was live on all, but users were served: the load balancers go back all the same."""
    fleet = live_fleet(TWO)
    other = "20261101120000-eeeeeeee"
    fleet.hosts["web-2"].pools["green"] = {"release": other, "ports": [4101], "state": "running"}
    fleet.hosts["web-2"].current = other
    fleet.fail = fail_at("confirm", HostUnreachable("lost"), "lb-2")
    with pytest.raises(HostUnreachable):
        release(fleet, TWO)
    assert fleet.summary() == {("green", OLD), ("green", other)}
    assert fleet.hosts["web-2"].current == other
