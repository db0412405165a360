"""A release that has workers and cron entries, on a fleet in memory: failures and dead controllers at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.config.jobs import CronConfig, WorkerConfig
from orchestrator.errors import HostUnreachable, ReleaseFailed, UsageError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import settings
from orchestrator.plan.release import Target, idle_colour
from orchestrator.transport import http, local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows import jobs
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.sending import Sending
from tests.support.bundles import one_file
from tests.support.changes import Killed, Silent, SilentProbe, fail_at, kill_after
from tests.support.fleet import APP, FakeFleet, stage

OLD, NEW, NEXT = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb", "20261103000000-cccccccc"
TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])


def config(host: str | None = None) -> AppConfig:
    """An app with one of each."""
    return AppConfig(
        app=APP,
        workers={
            "single": WorkerConfig(entry="w", concurrency=1),
            "many": WorkerConfig(entry="w", instances=2),
        },
        cron={"nightly": CronConfig(schedule="@daily", entry="n", host=host)},
    )


def release(fleet: FakeFleet, name: str = NEW, pid: int = 1, of: AppConfig | None = None) -> None:
    """One release by one controller process."""
    app = of or config()
    context = Context(app, TWO, fleet, replace(local.this_process(), pid=pid))
    shipped = one_file(Path.cwd())

    def decide(facts: FleetFacts) -> Target:
        return Target(
            name, idle_colour(facts), settings.of(app, "main.js", "24.21.0"), asdict(shipped.manifest)
        )

    acts = Sending(FromBundle(shipped), context, Silent()).acts
    ChangeOver(context, Silent(), context.facts(), decide, f"release {name}", acts).run()


@pytest.fixture(name="fleet")
def _fleet() -> FakeFleet:
    """A fleet on which the old release and its jobs are live."""
    fleet = FakeFleet(TWO)
    release(fleet, OLD)
    fleet.calls.clear()
    return fleet


def running(fleet: FakeFleet) -> dict[str, tuple[str, dict[str, int], list[str]]]:
    """Release, workers and entries of each app host."""
    return {
        name: (host.jobs["release"], host.jobs["workers"], host.jobs["cron"])
        for name, host in fleet.hosts.items()
        if host.jobs
    }


def whole(name: str) -> dict[str, tuple[str, dict[str, int], list[str]]]:
    """What a release runs where nothing is amiss."""
    return {"web-1": (name, {"single": 1, "many": 2}, ["nightly"]), "web-2": (name, {"many": 2}, [])}


def test_jobs_change_over_once_the_release_is_confirmed(fleet: FakeFleet) -> None:
    """One step on the hosts that run any; the old pool is still there to go back to."""
    release(fleet)
    assert running(fleet) == whole(NEW)
    verbs = [verb for _, verb in fleet.calls]
    assert verbs.count("jobs") == 2
    assert verbs.index("confirm") < verbs.index("jobs") < verbs.index("drain")


@pytest.mark.parametrize("verb", ["lock", "assemble", "start", "gate", "flip", "confirm"])
def test_a_failure_before_their_turn_leaves_the_jobs_alone(fleet: FakeFleet, verb: str) -> None:
    """They are not even asked."""
    fleet.fail = fail_at(verb, ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed):
        release(fleet)
    assert running(fleet) == whole(OLD)
    assert "jobs" not in {called for _, called in fleet.calls}


@pytest.mark.parametrize("host", ["web-1", "web-2"])
def test_a_worker_that_fails_undoes_the_release_on_all_hosts(fleet: FakeFleet, host: str) -> None:
    """Users are flipped back though the release was confirmed, and the old jobs run everywhere."""
    fleet.fail = fail_at("jobs", ReleaseFailed("a worker does not stay up"), host)
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet)
    assert fleet.summary() == {("green", OLD)}
    assert running(fleet) == whole(OLD)
    assert all(fake.pools["blue"] is None for fake in fleet.hosts.values())
    assert caught.value.state == f"live is {OLD} on all hosts; the flip was undone"
    assert "change workers and cron entries over" in caught.value.step


def test_jobs_follow_what_users_see_where_a_flip_back_fails(fleet: FakeFleet) -> None:
    """A load balancer goes on routing to the new release: its workers stay, until the next command repairs both."""

    def fail(host: str, verb: str) -> None:
        if (host, verb) == ("web-2", "jobs") or (
            host == "lb-2" and verb in ("return", "flip") and "jobs" in seen
        ):
            raise HostUnreachable("lost")
        seen.add(verb)

    seen: set[str] = set()
    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        release(fleet)
    assert "lb-2 may send requests" in caught.value.state
    assert running(fleet)["web-1"][0] == NEW
    fleet.fail = None
    release(fleet, NEXT)
    assert running(fleet) == whole(NEXT)
    assert fleet.summary() == {("blue", NEXT)} or fleet.summary() == {("green", NEXT)}


@pytest.mark.parametrize("verb", ["flip", "confirm", "jobs", "drain", "prune"])
def test_the_next_release_repairs_what_a_killed_one_left(
    fleet: FakeFleet, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any step: the jobs of the live release are put in place, then those of the next."""
    kill_after(verb, monkeypatch)
    with pytest.raises(Killed):
        release(fleet, pid=2**22 + 1)
    monkeypatch.undo()
    monkeypatch.setattr(http, "Probe", SilentProbe)
    release(fleet, NEXT)
    assert running(fleet) == whole(NEXT)


def watched(fleet: FakeFleet) -> Callable[[str, str], None]:
    """Fails the test where two hosts run what may run once, before any call."""

    def look(_: str, verb: str) -> None:
        for what, place in (("single", 1), ("nightly", 2)):
            there = [name for name, job in running(fleet).items() if what in job[place]]
            assert len(there) <= 1, f"{what} on {there} before {verb}"

    return look


def test_an_entry_that_moves_is_handed_over(fleet: FakeFleet) -> None:
    """It leaves its old host first; the new one is told when it came last."""
    fleet.fail = watched(fleet)
    release(fleet, NEW, of=config(host="web-2"))
    assert running(fleet)["web-1"][2] == []
    assert running(fleet)["web-2"][2] == ["nightly"]
    assert fleet.hosts["web-2"].stamps == {"nightly": 7}


@pytest.mark.parametrize("host", ["web-1", "web-2"])
def test_a_move_that_fails_is_moved_back(fleet: FakeFleet, host: str) -> None:
    """At no time on both hosts, and in the end where it was."""
    look, left = watched(fleet), [1]

    def fail(name: str, verb: str) -> None:
        look(name, verb)
        if (name, verb) == (host, "jobs") and left[0]:
            left[0] -= 1
            raise HostUnreachable("lost")

    fleet.fail = fail
    with pytest.raises(HostUnreachable):
        release(fleet, NEW, of=config(host="web-2"))
    assert running(fleet) == whole(OLD)


def test_run_now_asks_the_host_that_has_the_entry(fleet: FakeFleet) -> None:
    """An unknown one is refused with those that there are."""
    with pytest.raises(UsageError) as caught:
        jobs.run_now(config(), TWO, "nigthly", opener=lambda *_: fleet)
    assert caught.value.why == "the live release has nightly"
    assert "cron-run" not in {verb for _, verb in fleet.calls}
