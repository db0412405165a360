"""How many instances a pool starts with: the wish of vpsdeploy.yml against what was scaled."""

from __future__ import annotations

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import size
from tests.support.fleet import APP, FakeHost, stage

LIVE = "20261102000000-bbbbbbbb"
ONE = stage("web-1")


def facts(runs: int, wish: int, most: int = 8) -> FleetFacts:
    """A host whose live release was made with a wish and runs some instances; 0: nothing is live."""
    fake = FakeHost(ONE.hosts[0])
    if runs:
        fake.pools["blue"] = {"release": LIVE, "ports": list(range(4001, 4001 + runs)), "state": "running"}
        fake.releases, fake.settings = [LIVE], {LIVE: {"instances": wish}}
    answer = fake.facts({}) | {"apps": {APP: {"instances_max": most}}}
    return FleetFacts(ONE, (host.parse("web-1", APP, answer),))


@pytest.mark.parametrize(
    ("runs", "wish", "config", "expected"),
    [
        (0, 0, 2, 2),  # a first release
        (2, 2, 2, 2),
        (2, 2, 3, 3),  # vpsdeploy.yml was changed
        (6, 2, 2, 6),  # scaled
        (1, 2, 2, 1),
        (6, 2, 3, 3),  # scaled, then vpsdeploy.yml was changed: the newer wish
        (6, 2, 6, 6),
        (2, 2, 9, 8),  # more than nginx knows
    ],
)
def test_a_release_starts(runs: int, wish: int, config: int, expected: int) -> None:
    """What runs is kept where it was scaled, until the wish changes."""
    assert size.of_release(AppConfig(app=APP, instances=config), facts(runs, wish)) == expected


@pytest.mark.parametrize(("runs", "wish", "older", "expected"), [(2, 2, 1, 1), (6, 2, 1, 6), (2, 2, 9, 8)])
def test_a_rollback_starts(runs: int, wish: int, older: int, expected: int) -> None:
    """What the older release wished; what was scaled stays: the load is today's."""
    assert size.of_kept(facts(runs, wish), older) == expected


def test_a_wish_that_would_undo_a_scale_is_said_so() -> None:
    """vpsdeploy.yml was edited since the live release: the next release follows it."""
    assert "will run 3 again" in size.hints(AppConfig(app=APP, instances=3), facts(2, 2), 6)[0]
    assert "stays so until" in size.hints(AppConfig(app=APP, instances=2), facts(2, 2), 6)[0]
    assert size.hints(AppConfig(app=APP, instances=2), facts(6, 2), 2) == ()


@pytest.mark.parametrize(("instances", "most", "room"), [(1, None, 4), (3, None, 6), (2, 2, 2), (2, 16, 16)])
def test_nginx_is_provisioned_for(instances: int, most: int | None, room: int) -> None:
    """Twice the wish and at least four, or what vpsdeploy.yml says."""
    assert AppConfig(app=APP, instances=instances, instances_max=most).most_instances == room


def test_room_for_less_than_the_wish_is_refused(tmp_path: object) -> None:
    """Before anything is asked of a host."""
    from pathlib import Path

    from orchestrator.config import load

    directory = Path(str(tmp_path))
    (directory / "vpsdeploy.yml").write_text("app: shop\ninstances: 4\ninstances_max: 3\n")
    with pytest.raises(ConfigError) as caught:
        load(directory)
    assert "instances_max" in caught.value.why
    assert "is below instances (4)" in caught.value.why
