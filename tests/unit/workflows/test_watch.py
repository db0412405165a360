"""A release that is watched, on a fleet in memory: what is bad goes back on every load balancer, by itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig, ReleaseConfig
from orchestrator.errors import HostUnreachable, ReleaseFailed, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed
from orchestrator.plan import settings
from orchestrator.plan.release import Target, idle_colour
from orchestrator.transport import local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.sending import Sending
from orchestrator.workflows.transaction import Act
from tests.support.bundles import one_file
from tests.support.changes import NEW, OLD, TWO, Killed, Silent, kill_after
from tests.support.fleet import APP, FakeFleet, stage, tally
from tests.unit.workflows.conftest import Clock


def released(fleet: FakeFleet, name: str = NEW, **release: Any) -> Changed:
    """One release to the fleet of two app hosts and two load balancers."""
    config = AppConfig(app=APP, release=ReleaseConfig(**release))
    context = Context(config, TWO, fleet, local.this_process())

    def decide(facts: FleetFacts) -> Target:
        return Target(
            name,
            idle_colour(facts),
            settings.of(config, "dist/main.js", "24.21.0"),
            asdict(one_file(Path.cwd()).manifest),
        )

    return ChangeOver(context, Silent(), context.facts(), decide, name, sending(context)).run()


@pytest.fixture(name="fleet")
def _fleet() -> FakeFleet:
    """One release is live."""
    fleet = FakeFleet(TWO)
    released(fleet, OLD)
    fleet.calls.clear()
    return fleet


def verbs(fleet: FakeFleet, host: str = "lb-1") -> list[str]:
    """What a host was asked, without repetitions next to each other."""
    asked = [verb for name, verb in fleet.calls if name == host]
    return [verb for n, verb in enumerate(asked) if n == 0 or verb != asked[n - 1]]


def balancers(fleet: FakeFleet) -> list[Any]:
    """The hosts that route."""
    return [fleet.hosts["lb-1"], fleet.hosts["lb-2"]]


def assert_old(fleet: FakeFleet) -> None:
    """As if nothing had been released."""
    assert fleet.summary() == {("green", OLD)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())
    assert not any(pool and pool["release"] == NEW for h in fleet.hosts.values() for pool in h.pools.values())


def test_a_good_release_is_watched_and_confirmed(fleet: FakeFleet, clock: Clock) -> None:
    """Ten seconds by default; figures of both load balancers together, each line counted once."""
    for host in balancers(fleet):
        host.before, host.after = tally(500, 1), tally(20)
    begin = clock.now
    changed = released(fleet)
    assert clock.now - begin == pytest.approx(10)
    assert fleet.summary() == {("blue", NEW)}
    assert changed.watched is not None
    users = changed.watched.seen.users
    assert (changed.watched.shares, len(changed.watched.seen.looks)) == ((100,), 2)
    assert (users.before.requests, users.before.failed, users.after.requests) == (1000, 2, 2 * 10 * 20)


def test_the_first_release_is_not_watched(clock: Clock) -> None:
    """There is nothing to compare it with, and nothing to go back to."""
    fleet = FakeFleet(TWO)
    changed = released(fleet, OLD)
    assert (changed.watched, clock.now) == (None, 0)
    assert "traffic" not in verbs(fleet)


def test_without_a_watch_nothing_is_asked(fleet: FakeFleet, clock: Clock) -> None:
    """The flip is confirmed at once."""
    assert released(fleet, watch_seconds=0).watched is None
    assert {"traffic", "hold"} & set(verbs(fleet)) == set()


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "fails under traffic": (
        "lb-2",
        {"before": tally(1000), "after": tally(40, 40)},
        "40 of 40 (100 %) requests",
    ),
    "crashes": ("web-2", {"looks": {"restarts": 1, "why": "exited, status=1"}}, "ended or was started anew"),
    "is unhealthy": (
        "web-1",
        {"looks": {"unhealthy": "GET /health answered 503"}},
        "is not healthy any more",
    ),
    "is slow": (
        "lb-1",
        {"before": tally(1000, c30=1000), "after": tally(40, c84=40)},
        "took more than 217 ms",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_release_goes_back_everywhere(fleet: FakeFleet, clock: Clock, kind: str) -> None:
    """As soon as it is seen; with what was measured, in the error and in the load balancers' history."""
    host, figures, text = BAD[kind]
    for name, value in figures.items():
        setattr(fleet.hosts[host], name, value)
    begin = clock.now
    with pytest.raises(ReleaseFailed) as caught:
        released(fleet)
    assert_old(fleet)
    assert clock.now - begin < 10
    assert text in caught.value.why
    assert caught.value.what == "the new release does worse than the one before, at 100 % of the requests"
    assert caught.value.state == f"live is {OLD} on all hosts; the flip was undone"
    assert "watch it for 10 s" in caught.value.step
    assert caught.value.host == (host if host.startswith("web") else "")
    for balancer in balancers(fleet):
        assert text in balancer.history[-1]["figures"]["why"]
        assert balancer.history[-1]["verb"] == "return"


def test_one_unhealthy_answer_at_the_very_end_gets_one_more_look(fleet: FakeFleet, clock: Clock) -> None:
    """Neither passed nor failed by chance."""
    begin, hosts = clock.now, fleet.hosts

    def looked(n: int) -> None:
        hosts["web-1"].looks = {"unhealthy": "late"} if n == 9 else {}

    clock.looked = looked
    released(fleet)
    assert clock.now - begin == pytest.approx(10)
    assert [verb for _, verb in fleet.calls].count("instances") == 2 * 11


def test_a_canary_goes_up_step_by_step(fleet: FakeFleet, clock: Clock) -> None:
    """Each share on every load balancer, each watched, and the flip at the end."""
    shares: list[set[Any]] = []
    clock.looked = lambda _: shares.append({(host.pending or {}).get("share") for host in balancers(fleet)})
    changed = released(fleet, canary=(5, 25, 100), watch_seconds=2)
    assert shares == [{5}, {5}, {25}, {25}, {100}, {100}]
    assert changed.watched is not None
    assert changed.watched.shares == (5, 25, 100)
    assert fleet.summary() == {("blue", NEW)}
    flow = ["flip", "traffic"] * 3 + ["confirm"]
    assert flow == [verb for verb in verbs(fleet) if verb in flow]


@pytest.mark.parametrize("step", [0, 2, 4], ids=["5 %", "25 %", "100 %"])
def test_a_canary_that_is_bad_goes_back_from_any_share(fleet: FakeFleet, clock: Clock, step: int) -> None:
    """Users of the whole fleet are on the old release again, and the share is named."""

    def looked(n: int) -> None:
        if n >= step:
            fleet.hosts["lb-2"].after = tally(50, 50)

    clock.looked = looked
    with pytest.raises(ReleaseFailed, match="does worse") as caught:
        released(fleet, canary=(5, 25, 100), watch_seconds=2)
    assert_old(fleet)
    assert f"at {(5, 25, 100)[step // 2]} %" in caught.value.what


def test_a_load_balancer_whose_timer_ran_out_ends_the_watch(fleet: FakeFleet, clock: Clock) -> None:
    """It routes to the old pool already; the others follow it."""

    def looked(n: int) -> None:
        if n == 3:
            fleet.hosts["lb-2"].return_({})

    clock.looked = looked
    with pytest.raises(ReleaseFailed) as caught:
        released(fleet)
    assert (caught.value.host, caught.value.what) == ("lb-2", "the flip was taken back during the watch")
    assert_old(fleet)


def test_the_timers_are_held_while_the_watch_lasts(fleet: FakeFleet) -> None:
    """Every 15 s on every load balancer; a short watch needs none of it."""
    released(fleet, watch_seconds=60)
    assert [host for host, verb in fleet.calls if verb == "hold"].count("lb-1") == 3
    assert [host for host, verb in fleet.calls if verb == "hold"].count("lb-2") == 3


@pytest.mark.parametrize("host", ["lb-2", "web-1"])
def test_a_host_that_is_lost_in_the_watch_ends_it(fleet: FakeFleet, host: str) -> None:
    """What nobody can see is not confirmed; the error names it."""

    def fail(name: str, verb: str) -> None:
        if name == host and verb in ("traffic", "instances"):
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        released(fleet)
    assert caught.value.host == host
    assert_old(fleet)


@pytest.mark.parametrize("verb", ["flip", "watch"])
@pytest.mark.parametrize("canary", [(), (5, 100)], ids=["flip", "canary"])
def test_the_next_release_repairs_a_watch_whose_controller_was_killed(
    fleet: FakeFleet, verb: str, canary: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody had confirmed: the fleet goes back, then on to the next release."""
    with monkeypatch.context() as patched:
        kill_after(verb, patched)
        with pytest.raises(Killed):
            released(fleet, canary=canary)
    third = "20261103000000-cccccccc"
    for host in fleet.hosts.values():
        host.lock = None
    released(fleet, third)
    assert {release for _, release in fleet.summary()} == {third}
    assert all(host.pending is None for host in fleet.hosts.values())


def test_a_host_that_is_both_is_asked_both() -> None:
    """Its traffic and its instances, one after the other."""
    one = stage("web-1")
    fleet, config = FakeFleet(one), AppConfig(app=APP)
    context = Context(config, one, fleet, local.this_process())

    def decide(facts: FleetFacts) -> Target:
        return Target(
            NEW,
            idle_colour(facts),
            settings.of(config, "main.js", "24.21.0"),
            asdict(one_file(Path.cwd()).manifest),
        )

    for _ in range(2):
        try:
            ChangeOver(context, Silent(), context.facts(), decide, NEW, sending(context)).run()
        except VpsdeployError as error:  # pragma: no cover - the message is what one wants to see
            raise AssertionError(error.as_dict()) from error
    asked = [verb for _, verb in fleet.calls if verb in ("traffic", "instances")]
    assert asked == ["traffic", "instances"] * 10


def sending(context: Context) -> dict[str, Act]:
    """The steps that bring a bundle of one file to the hosts."""
    return Sending(FromBundle(one_file(Path.cwd())), context, Silent()).acts
