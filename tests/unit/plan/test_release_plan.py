"""The steps of a release, in order."""

from __future__ import annotations

from orchestrator.config.app import AppConfig, HealthConfig, ReleaseConfig
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Stage
from orchestrator.model.pool import Colour
from orchestrator.plan import settings
from orchestrator.plan.release import Target, idle_colour, steps
from tests.support.fleet import APP, FakeHost, stage

RELEASE = "20261102000000-bbbbbbbb"
MANIFEST = {"digest": "d", "files": 0}


def plan(
    of: Stage, config: AppConfig, *, old: str = "", manifest: dict[str, object] | None = MANIFEST
) -> list[str]:
    """Verb and hosts of each step."""
    fakes = [FakeHost(one) for one in of.hosts]
    for fake in fakes:
        if old and fake.host.is_app:
            fake.pools["blue"] = {"release": old, "ports": [4001], "state": "running"}
    facts = FleetFacts(of, tuple(host.parse(f.host.name, APP, f.facts({})) for f in fakes))
    target = Target(RELEASE, idle_colour(facts), settings.of(config, "dist/main.js", "24.21.0"), manifest)
    return [f"{step.verb} {','.join(step.hosts)}" for step in steps(config, facts, target)]


def test_one_host_that_is_both() -> None:
    """Twelve steps, one confirm."""
    verbs = "lock offer receive assemble start gate flip watch confirm drain prune unlock"
    assert plan(stage("web-1"), AppConfig(app=APP), old="old") == [f"{verb} web-1" for verb in verbs.split()]


def test_app_hosts_are_confirmed_before_load_balancers() -> None:
    """So that a load balancer that has confirmed means that the whole fleet knows."""
    made = plan(stage("web-1", "web-2", balancers=["lb-1"]), AppConfig(app=APP))
    assert made == [
        "lock lb-1,web-1,web-2", "offer web-1,web-2", "receive web-1,web-2", "assemble web-1,web-2",
        "start web-1,web-2", "gate web-1,web-2", "flip lb-1", "confirm web-1,web-2", "confirm lb-1",
        "prune web-1,web-2", "unlock lb-1,web-1,web-2",
    ]  # fmt: skip


def test_a_rollback_sends_nothing_and_removes_nothing() -> None:
    """What is kept stays kept."""
    verbs = "lock start gate flip watch confirm drain unlock"
    made = plan(stage("web-1"), AppConfig(app=APP), old="old", manifest=None)
    assert made == [f"{verb} web-1" for verb in verbs.split()]


def test_a_small_machine_boots_one_instance_after_the_other() -> None:
    """surge: 1 starts and gates once for each instance."""
    config = AppConfig(app=APP, instances=3, release=ReleaseConfig(surge=1))
    made = plan(stage("web-1"), config)
    assert made[4:10] == ["start web-1", "gate web-1"] * 3


def test_a_canary_flips_part_by_part() -> None:
    """Each share watched, the flip last; without a watch there is no canary, and a first release has neither."""
    config = AppConfig(app=APP, release=ReleaseConfig(canary=(5, 25, 100)))
    flow = [step for step in plan(stage("web-1"), config, old="old") if step.startswith(("flip", "watch"))]
    assert flow == ["flip web-1", "watch web-1"] * 3
    first = [step for step in plan(stage("web-1"), config) if step.startswith(("flip", "watch"))]
    assert first == ["flip web-1"]


def test_a_watch_looks_at_every_host() -> None:
    """Load balancers say what was answered, app hosts how their instances are."""
    made = plan(stage("web-1", "web-2", balancers=["lb-1"]), AppConfig(app=APP), old="old")
    assert made[made.index("flip lb-1") + 1] == "watch lb-1,web-1,web-2"


def test_without_a_watch_the_flip_is_confirmed_at_once() -> None:
    """watch_seconds: 0."""
    config = AppConfig(app=APP, release=ReleaseConfig(watch_seconds=0))
    made = plan(stage("web-1"), config, old="old")
    assert made[made.index("flip web-1") + 1] == "confirm web-1"


def test_the_pool_that_is_not_live_is_used() -> None:
    """Blue is what no marker means."""
    fake = FakeHost(stage("web-1").hosts[0])
    fake.live = "green"
    facts = FleetFacts(stage("web-1"), (host.parse("web-1", APP, fake.facts({})),))
    assert idle_colour(facts) is Colour.BLUE


def test_a_rollback_asks_for_health_as_the_release_it_goes_back_to_did() -> None:
    """The configuration of today names a path that the old release does not have."""
    today = AppConfig(app=APP, instances=4, health=HealthConfig(path="/new"))
    own = {"path": "/old", "timeout_seconds": 5, "interval_seconds": 1}
    fake = FakeHost(stage("web-1").hosts[0])
    fake.releases = [RELEASE]
    answer = fake.facts({})
    answer["releases"] = [{"id": RELEASE, "node": "24.21.0", "instances": 2, "health": own}]
    facts = FleetFacts(stage("web-1"), (host.parse("web-1", APP, answer),))
    target = Target(RELEASE, idle_colour(facts), settings.kept(today, facts.apps[0].releases[0]))
    gate = next(step for step in steps(today, facts, target) if step.verb == "gate")
    assert gate.request == {"colour": "green", **own}
    assert target.settings["instances"] == 2


def test_hosts_install_where_the_bundle_comes_without_dependencies() -> None:
    """Behind the files that this takes, before the release is made."""
    manifest: dict[str, object] = {**MANIFEST, "install": {"manager": "npm"}}
    made = plan(stage("web-1"), AppConfig(app=APP), manifest=manifest)
    behind = made.index("receive web-1")
    assert made[behind:][:3] == ["receive web-1", "install web-1", "assemble web-1"]
