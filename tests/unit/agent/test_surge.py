"""start with `instances`: a small machine boots one instance after the other."""

from __future__ import annotations

from tests.unit.agent.conftest import BLUE, RELEASES, Host

FIRST, SECOND = "shop@4001.service", "shop@4002.service"


def test_only_the_first_instances_start(host: Host) -> None:
    """The record says so too: a boot in between starts as many."""
    host.ship(RELEASES[0])
    assert host.call("start", release=RELEASES[0], colour=BLUE, instances=1)["ports"] == [4001]
    assert host.systemd.running == {FIRST}
    assert host.call("facts")["pools"][BLUE]["ports"] == [4001]


def test_asked_for_more_the_running_ones_stay(host: Host) -> None:
    """The second joins the first; nothing is stopped on the way."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=BLUE, instances=1)
    assert host.call("start", release=RELEASES[0], colour=BLUE)["ports"] == [4001, 4002]
    assert host.systemd.running == {FIRST, SECOND}


def test_a_warm_pool_is_kept_whole(host: Host) -> None:
    """A rollback to a pool that still drains does not cut it down to one instance first."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=BLUE)
    answer = host.call("start", release=RELEASES[0], colour=BLUE, instances=1)
    assert (answer["warm"], answer["ports"]) == (True, [4001, 4002])
    assert host.systemd.running == {FIRST, SECOND}
