"""Where workers and cron entries run, and in which order they change over."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import AppConfig
from orchestrator.config.jobs import CronConfig, WorkerConfig
from orchestrator.errors import ConfigError
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import jobs, preflight, recover, settings
from tests.support.fleet import APP, FakeHost, stage

OLD, NEW = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
STAGE = stage("web-1", "web-2", balancers=["lb-1"])
CONFIG = AppConfig(
    app=APP,
    workers={
        "single": WorkerConfig(entry="dist/single.js", concurrency=1),
        "many": WorkerConfig(command=("node", "x"), instances=2, memory="1G", env={"A": "1"}),
    },
    cron={
        "nightly": CronConfig(
            schedule="0 0 1 * MON", entry="dist/n.js", timezone="Europe/Berlin", host="web-2"
        )
    },
)
SETTINGS = settings.of(CONFIG, "dist/main.js", "24.21.0")
ON_FIRST = {"release": OLD, "workers": {"single": 1, "many": 2}, "cron": ["nightly"]}
LIVE = {
    "pools": {"blue": {"release": OLD, "ports": [4001], "state": "running"}, "green": None}, "releases": [OLD, NEW],
    "current": OLD, "settings": {OLD: SETTINGS, NEW: SETTINGS},
}  # fmt: skip


def facts(**hosts: Any) -> FleetFacts:
    """Facts of hosts on which a release is live, with what differs on a host (its name with an underscore)."""
    found = []
    for one in STAGE.hosts:
        fake = FakeHost(one)
        for key, value in {
            **(LIVE if one.is_app else {}),
            **hosts.get(one.name.replace("-", "_"), {}),
        }.items():
            setattr(fake, key, value)
        found.append(host.parse(one.name, APP, fake.facts({})))
    return FleetFacts(STAGE, tuple(found))


def asked(found: FleetFacts) -> list[dict[str, tuple[Any, ...]]]:
    """What each step of a release asks of each host: release, workers, cron."""
    return [
        {name: (one["release"], one["workers"], one["cron"]) for name, one in step.request["on"].items()}
        for step in jobs.steps(found, NEW, SETTINGS)
    ]


def test_a_release_without_jobs_asks_nothing() -> None:
    """No further round trip where none is configured and none runs."""
    assert jobs.steps(facts(), NEW, settings.of(AppConfig(app=APP), "dist/main.js", "24.21.0")) == ()


def test_what_may_run_once_is_on_one_host() -> None:
    """The first of the inventory, or the one that is named; other workers are on each."""
    assert asked(facts()) == [
        {
            "web-1": (NEW, {"single": 1, "many": 2}, []),
            "web-2": (NEW, {"many": 2}, ["nightly"]),
        }
    ]


def test_what_moves_ends_on_its_old_host_first() -> None:
    """Only then does it start elsewhere; what stays is not touched by that."""
    moving, change = asked(facts(web_1={"jobs": ON_FIRST}))
    assert moving == {"web-1": (OLD, {"single": 1, "many": 2}, [])}
    assert change["web-2"] == (NEW, {"many": 2}, ["nightly"])
    elsewhere = {"release": OLD, "workers": {"single": 1}, "cron": []}
    moving, change = asked(facts(web_2={"jobs": elsewhere}))
    assert moving == {"web-2": (OLD, {}, [])}
    assert change["web-1"][1]["single"] == 1


def test_a_release_without_jobs_stops_those_that_run() -> None:
    """On the hosts that have any."""
    (step,) = jobs.steps(facts(web_1={"jobs": ON_FIRST}), NEW, {})
    assert (step.title, step.hosts) == ("stop the workers and cron entries", ("web-1",))


def test_settings_have_all_that_the_host_needs() -> None:
    """Limits of the app where the job has none; cron's schedule as calendar events."""
    many, nightly = SETTINGS["workers"]["many"], SETTINGS["cron"]["nightly"]
    assert (many["command"], many["limits"]) == (["node", "x"], {"memory": "1G", "cpu": "100%"})
    assert nightly["events"] == ["*-*-01 00:00:00 Europe/Berlin", "Mon *-*-* 00:00:00 Europe/Berlin"]
    assert SETTINGS["workers"]["single"]["exclusive"] is True


SETTLED = {
    "web_1": {"jobs": {"release": OLD, "workers": {"single": 1, "many": 2}, "cron": []}},
    "web_2": {"jobs": {"release": OLD, "workers": {"many": 2}, "cron": ["nightly"]}},
}


def repairs(**hosts: Any) -> list[tuple[str, tuple[str, ...]]]:
    """The steps of a repair that are about jobs."""
    return [(step.title, step.hosts) for step in recover.steps(facts(**hosts), 30) if step.verb == "jobs"]


def test_nothing_is_repaired_where_the_jobs_of_the_live_release_run() -> None:
    """Each where it belongs."""
    assert repairs(**SETTLED) == []


@pytest.mark.parametrize(
    "other",
    [
        {"web_2": {"jobs": {"release": NEW, "workers": {"many": 2}, "cron": ["nightly"]}}},
        {"web_2": {"jobs": {"release": OLD, "workers": {}, "cron": ["nightly"]}}},
        {"web_2": {"jobs": {}}},
    ],
    ids=["another release", "a worker lacking", "none at all"],
)
def test_what_a_dead_command_left_is_repaired(other: dict[str, Any]) -> None:
    """The jobs of the live release take their places."""
    assert repairs(**{**SETTLED, **other}) == [("change workers and cron entries over", ("web-1", "web-2"))]


def test_a_repair_does_not_wait_for_a_worker_to_prove_itself() -> None:
    """Else one that crashes would keep the release from being made that mends it."""
    (step,) = [step for step in recover.steps(facts(), 30) if step.verb == "jobs"]
    assert {one["check_seconds"] for one in step.request["on"].values()} == {0.0}


def test_a_host_without_the_live_release_gets_no_jobs() -> None:
    """One that was added: the next release brings it what it needs."""
    bare = {"pools": {"blue": None, "green": None}, "releases": [], "current": "", "settings": {}}
    (step,) = [step for step in recover.steps(facts(web_1=bare), 30) if step.verb == "jobs"]
    assert step.hosts == ("web-2",)
    assert step.request["on"]["web-2"]["workers"] == {"single": 1, "many": 2}


def test_an_unknown_host_of_a_cron_entry_is_refused() -> None:
    """Before any connection; the nearest known is named."""
    config = AppConfig(app=APP, cron={"n": CronConfig(schedule="@daily", entry="x", host="web-3")})
    with pytest.raises(ConfigError) as caught:
        preflight.check_jobs(config, STAGE)
    assert caught.value.what == "cron.n.host is no app host of production"
    assert caught.value.why == '"web-3" is not one of web-1, web-2; did you mean "web-2"?'


def test_a_host_that_leaves_hands_everything_on() -> None:
    """It ends what may run once, then others start it, and it runs nothing more."""
    found = facts(**SETTLED)
    first, second = found.apps
    moving, change = jobs.settle(found, OLD, (second,), (first,))
    assert moving.request["on"] == {
        "web-1": {"release": OLD, "workers": {"many": 2}, "cron": [], "alone": ["single"], "finish": []}
    }
    asked_of = {
        name: (one["release"], one["workers"], one["cron"]) for name, one in change.request["on"].items()
    }
    assert asked_of == {"web-1": ("", {}, []), "web-2": (OLD, {"single": 1, "many": 2}, ["nightly"])}


def test_what_a_dead_host_ran_is_started_elsewhere() -> None:
    """Nobody can ask it to end anything: whoever says that it is dead answers for that."""
    found = facts(**SETTLED)
    (change,) = jobs.settle(found, OLD, found.apps[1:])
    assert change.request["on"]["web-2"]["workers"] == {"single": 1, "many": 2}
