"""App hosts that leave and join a fleet in memory: all load balancers or none, failures at every step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.errors import HostUnreachable, ReleaseFailed, UsageError
from orchestrator.model.fleet import Stage
from orchestrator.model.membership import Moved
from orchestrator.report import membership as report
from orchestrator.transport import agent_pyz
from orchestrator.workflows import exec_, lock, membership
from orchestrator.workflows.fleet import opened
from orchestrator.workflows.membership import Wish
from tests.support import shapes
from tests.support.changes import CONFIG, NEW, OLD, THREE, Silent, fail_at, live_fleet, release
from tests.support.fleet import VERSION, FakeFleet, stage
from tests.unit.workflows import test_release_jobs as release_jobs

BOTH = stage("web-1", "web-2")


@pytest.fixture(autouse=True)
def _same_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)


def drain(fleet: FakeFleet, of: Stage = THREE, host: str = "web-3", *, dead: bool = False) -> Moved:
    """`vpsdeploy host drain`."""
    return membership.drain(CONFIG, of, Wish(host, dead), Silent(), lambda *_: fleet)


def join(fleet: FakeFleet, of: Stage = THREE, host: str = "web-3") -> Moved:
    """`vpsdeploy host join`."""
    return membership.join(CONFIG, of, Wish(host), Silent(), lambda *_: fleet)


def out(fleet: FakeFleet) -> dict[str, set[str]]:
    """Whom each load balancer does without."""
    return {name: set(host.out) for name, host in fleet.hosts.items() if host.host.is_loadbalancer}


def unlocked(fleet: FakeFleet) -> bool:
    """Whether no lock stayed."""
    return all(host.lock is None for host in fleet.hosts.values())


def dead(host: str) -> Callable[[str, str], None]:
    """The host answers nothing."""

    def fail(name: str, verb: str) -> None:
        if name == host:
            raise HostUnreachable("no SSH connection", host=host, why="no answer in time")

    return fail


def test_a_drained_host_is_out_everywhere_and_runs_nothing() -> None:
    """On all load balancers; the others go on."""
    fleet = live_fleet(THREE)
    moved = drain(fleet)
    assert out(fleet) == {"lb-1": {"web-3"}, "lb-2": {"web-3"}}
    assert fleet.hosts["web-3"].pools == {"blue": None, "green": None}
    assert (moved.joined, moved.release) == (False, OLD)
    assert fleet.summary() == {("green", OLD)}
    assert unlocked(fleet)


def test_a_release_leaves_a_host_that_is_out_alone() -> None:
    """It is not even locked, and the fleet is on one release."""
    fleet = live_fleet(THREE)
    drain(fleet)
    fleet.calls.clear()
    release(fleet, THREE)
    assert {verb for host, verb in fleet.calls if host == "web-3"} <= {"facts"}
    assert fleet.summary() == {("blue", NEW)}


def test_a_host_that_joins_catches_up_from_another() -> None:
    """It missed a release: it gets it from a host that runs it, starts it in the live pool, and only then serves."""
    fleet = live_fleet(THREE)
    drain(fleet)
    release(fleet, THREE)
    fleet.calls.clear()
    moved = join(fleet)
    assert moved.joined
    assert out(fleet) == {"lb-1": set(), "lb-2": set()}
    assert fleet.summary() == {("blue", NEW)}
    assert fleet.hosts["web-3"].current == NEW
    order = [verb for host, verb in fleet.calls if verb in ("copy", "start", "gate", "join")]
    assert order == ["copy", "copy", "start", "gate", "join", "join"]  # the list, and what is missing
    assert unlocked(fleet)


def test_a_host_that_missed_nothing_gets_nothing_sent() -> None:
    """What it has kept is enough."""
    fleet = live_fleet(THREE)
    drain(fleet)
    fleet.calls.clear()
    join(fleet)
    assert {"offer", "receive", "assemble"}.isdisjoint({verb for _, verb in fleet.calls})
    assert fleet.summary() == {("green", OLD)}


def test_a_dead_host_is_taken_out_without_being_asked_and_releases_go_on() -> None:
    """Its own answer is not waited for; when it is back it runs the old release, and joins on the new one."""
    fleet = live_fleet(THREE)
    fleet.fail = dead("web-3")
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, THREE)
    assert "vpsdeploy host drain web-3 --dead" in caught.value.next
    drain(fleet, dead=True)
    assert out(fleet) == {"lb-1": {"web-3"}, "lb-2": {"web-3"}}
    release(fleet, THREE)
    assert fleet.summary() == {("blue", NEW)}
    fleet.fail = None
    assert fleet.hosts["web-3"].pools["green"] is not None
    join(fleet)
    assert fleet.summary() == {("blue", NEW)}
    assert fleet.hosts["web-3"].pools["green"] is None


def test_a_dead_host_keeps_nobody_from_locking_and_unlocking() -> None:
    """Once it was taken out: no release asks it either."""
    fleet = live_fleet(THREE)
    fleet.fail = dead("web-3")
    drain(fleet, dead=True)
    locked = lock.take(CONFIG, THREE, "freeze", 0, Silent(), lambda *_: fleet)
    assert locked.hosts == ("lb-1", "lb-2", "web-1", "web-2")
    assert set(lock.end(CONFIG, THREE, force=True, opener=lambda *_: fleet).was) == set(locked.hosts)


def test_a_command_runs_on_a_host_that_is_in() -> None:
    """One that is out may have an older release; where no load balancer answers, the first one will do."""
    fleet = live_fleet(THREE)
    drain(fleet, host="web-1")
    assert exec_.serving(fleet, THREE, ["web-1", "web-2"]) == "web-2"
    assert exec_.serving(fleet, THREE, ["web-1"]) == "web-1"
    fleet.fail = dead("lb-1")
    assert exec_.serving(fleet, THREE, ["web-1", "web-2"]) == "web-1"


def test_a_host_that_answers_is_not_dead() -> None:
    """--dead is for hosts that cannot be asked."""
    with pytest.raises(UsageError, match="web-3 is not dead"):
        drain(live_fleet(THREE), dead=True)


def test_a_silent_host_is_not_drained_without_being_told_so() -> None:
    """And the message says what to type."""
    fleet = live_fleet(THREE)
    fleet.fail = dead("web-3")
    with pytest.raises(HostUnreachable) as caught:
        drain(fleet)
    assert "vpsdeploy host drain web-3 --dead --stage production" in caught.value.next


def test_one_host_at_a_time() -> None:
    """A second one is refused before anything is touched."""
    fleet = live_fleet(THREE)
    drain(fleet)
    fleet.calls.clear()
    with pytest.raises(UsageError, match="web-2 cannot be taken out"):
        drain(fleet, host="web-2")
    assert {verb for _, verb in fleet.calls} == {"facts"}


def test_the_last_host_stays() -> None:
    """Nobody would be served."""
    one = stage("web-1", balancers=["lb-1"])
    with pytest.raises(UsageError) as caught:
        drain(live_fleet(one), one, "web-1")
    assert caught.value.why == "no other app host would be left"


def test_a_load_balancer_is_not_drained() -> None:
    """Who reaches it is decided by DNS."""
    with pytest.raises(UsageError, match="lb-1 is a load balancer"):
        drain(live_fleet(THREE), host="lb-1")


@pytest.mark.parametrize("lost", ["lb-1", "lb-2"])
def test_a_drain_that_one_load_balancer_refuses_is_undone_on_all(lost: str) -> None:
    """All or none, and the host goes on serving."""
    fleet = live_fleet(THREE)
    fleet.fail = fail_at("leave", ReleaseFailed("it broke"), lost)
    with pytest.raises(ReleaseFailed) as caught:
        drain(fleet)
    assert out(fleet) == {"lb-1": set(), "lb-2": set()}
    assert fleet.hosts["web-3"].pools["green"] is not None
    assert caught.value.state == f"live is {OLD} on all hosts; web-3 gets requests as before"
    assert unlocked(fleet)


@pytest.mark.parametrize("verb", ["offer", "receive", "assemble", "start", "gate", "join"])
def test_a_join_that_fails_leaves_the_host_out(verb: str) -> None:
    """Nothing of it serves or runs, and the next try works."""
    fleet = live_fleet(THREE)
    drain(fleet)
    release(fleet, THREE)
    fleet.fail = fail_at(verb, ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed):
        join(fleet)
    assert out(fleet) == {"lb-1": {"web-3"}, "lb-2": {"web-3"}}
    assert fleet.hosts["web-3"].pools == {"blue": None, "green": None}
    fleet.fail = None
    assert join(fleet).joined
    assert fleet.summary() == {("blue", NEW)}


def test_a_new_host_is_kept_out_until_it_is_healthy() -> None:
    """nginx knows it since it was provisioned, and its pool is the live one: it would get requests while it boots."""
    fleet = live_fleet(stage("web-1", "web-2", balancers=["lb-1", "lb-2"]))
    fleet.hosts["web-3"] = FakeFleet(THREE).hosts["web-3"]
    join(fleet)
    order = [(host, verb) for host, verb in fleet.calls if verb in ("leave", "start", "join")]
    assert sorted(order[:2]) == [("lb-1", "leave"), ("lb-2", "leave")]
    assert order[2] == ("web-3", "start")
    assert fleet.summary() == {("green", OLD)}


def test_a_host_that_is_in_is_left_alone() -> None:
    """Nothing is started, nothing is taken out."""
    fleet = live_fleet(THREE)
    moved = join(fleet)
    assert moved.joined
    assert {verb for _, verb in fleet.calls} == {"facts", "lock", "unlock"}


def test_a_host_that_is_both_leaves_as_an_app_host_only() -> None:
    """Its nginx goes on, is flipped and confirmed."""
    fleet = live_fleet(BOTH)
    drain(fleet, BOTH, "web-1")
    release(fleet, BOTH)
    assert fleet.summary() == {("blue", NEW)}
    assert fleet.hosts["web-1"].pools == {"blue": None, "green": None}
    join(fleet, BOTH, "web-1")
    assert fleet.summary() == {("blue", NEW)}
    assert fleet.hosts["web-1"].current == NEW


def test_a_load_balancer_that_joins_routes_as_the_others_do() -> None:
    """It was replaced: blue by default, and nobody is out for it."""
    fleet = live_fleet(THREE)
    drain(fleet)
    fleet.hosts["lb-2"] = FakeFleet(THREE).hosts["lb-2"]
    join(fleet, host="lb-2")
    assert fleet.hosts["lb-2"].live == "green"
    assert out(fleet) == {"lb-1": {"web-3"}, "lb-2": {"web-3"}}


def test_a_load_balancer_that_is_dead_stops_a_release_before_anything_is_touched() -> None:
    """All of them are flipped or none; the message says how to go on without it."""
    fleet = live_fleet(THREE)
    fleet.fail = dead("lb-2")
    with pytest.raises(HostUnreachable) as caught:
        release(fleet, THREE)
    assert "take lb-2 out of DNS and out of hosts.yml" in caught.value.next
    assert caught.value.state == "nothing was changed"
    assert {verb for _, verb in fleet.calls} == {"facts"}


def test_status_says_who_is_out() -> None:
    """With how it comes back, whether it answers or not."""
    fleet = live_fleet(THREE)
    drain(fleet)
    fleet.fail = dead("web-3")
    with opened(CONFIG, THREE, lambda *_: fleet) as context:
        facts = context.facts(also=["web-3"])
    expected = "out: web-3, since now by test@here, does not answer; back again: vpsdeploy host join web-3"
    assert report.out_lines(facts) == [expected]
    assert facts.state() == f"live is {OLD} on all hosts but web-3 (out)"
    assert "web-3" in report.list_text(facts)
    example = shapes.examples()["hosts"]
    listed = {key: example[key] for key in ("schema", "kind", "ok")} | report.list_fields(facts)
    assert shapes.differences(example, listed) == []


def test_jobs_of_a_host_that_leaves_go_to_another_and_come_back() -> None:
    """What may run once runs once: it ends here before it starts there, and follows the host that joins."""
    fleet, config = FakeFleet(release_jobs.TWO), release_jobs.config()
    release_jobs.release(fleet, OLD)
    membership.drain(config, release_jobs.TWO, Wish("web-1"), Silent(), lambda *_: fleet)
    assert release_jobs.running(fleet)["web-2"] == (OLD, {"single": 1, "many": 2}, ["nightly"])
    assert release_jobs.running(fleet).get("web-1", ("", {}, [])) == ("", {}, [])
    release_jobs.release(fleet, NEW)
    membership.join(config, release_jobs.TWO, Wish("web-1"), Silent(), lambda *_: fleet)
    assert release_jobs.running(fleet) == release_jobs.whole(NEW)


def test_jobs_stay_where_they_were_when_a_drain_is_undone() -> None:
    """They had moved already."""
    fleet, config = FakeFleet(release_jobs.TWO), release_jobs.config()
    release_jobs.release(fleet, OLD)
    fleet.fail = fail_at("leave", ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed):
        membership.drain(config, release_jobs.TWO, Wish("web-1"), Silent(), lambda *_: fleet)
    assert release_jobs.running(fleet) == release_jobs.whole(OLD)
