"""What others did between a command's first look at the hosts and its lock: it may have waited long for it."""

from __future__ import annotations

from orchestrator.transport import local
from orchestrator.workflows.fleet import Context, unlock
from tests.support.changes import CONFIG, NEW, OLD, THREE, TWO, change, live_fleet, release
from tests.support.fleet import FakeFleet

MARK = {"by": "test@here", "since": "now", "dead": False}


def take_out(fleet: FakeFleet, name: str = "web-3") -> None:
    """What `host drain` leaves."""
    for balancer in ("lb-1", "lb-2"):
        fleet.hosts[balancer].out[name] = dict(MARK)
    fleet.hosts[name].pools = {"blue": None, "green": None}


def bring_in(fleet: FakeFleet, name: str = "web-3") -> None:
    """What `host join` leaves."""
    for balancer in ("lb-1", "lb-2"):
        fleet.hosts[balancer].out.clear()
    fleet.hosts[name].pools = dict(fleet.hosts["web-1"].pools)
    fleet.hosts[name].current = OLD


def test_a_host_that_has_joined_meanwhile_gets_the_release_too() -> None:
    """It was out when the command began, so it was not locked with the others."""
    fleet = live_fleet(THREE)
    take_out(fleet)
    context = Context(CONFIG, THREE, fleet, local.this_process())
    begun = change(context)
    bring_in(fleet)
    begun.run()
    assert fleet.summary() == {("blue", NEW)}
    assert {host.lock for host in fleet.hosts.values()} == {None}


def test_a_host_that_has_left_meanwhile_keeps_no_lock() -> None:
    """It was locked with the others, and takes no part: nobody else may have to wait for its lease to run out."""
    fleet = live_fleet(THREE)
    context = Context(CONFIG, THREE, fleet, local.this_process())
    begun = change(context)
    take_out(fleet)
    begun.run()
    unlock(context)  # as every command does at its end (fleet.opened)
    assert {name for name, host in fleet.hosts.items() if host.lock} == set()
    assert fleet.hosts["web-3"].releases == [OLD]


def test_what_another_release_did_before_we_got_the_lock_is_seen() -> None:
    """It changed over between our first look (a build takes minutes) and our lock: its pool is not overwritten."""
    fleet = live_fleet(TWO)
    ours = change(Context(CONFIG, TWO, fleet, local.this_process()))
    theirs = "20261101120000-cccccccc"
    release(fleet, TWO, theirs)
    changed = ours.run()
    assert (changed.release, changed.previous) == (NEW, theirs)
    assert fleet.summary() == {("green", NEW)}
