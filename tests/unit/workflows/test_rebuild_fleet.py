"""A host of a fleet is lost: the others serve on, and the rebuilt one joins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import secrets
from orchestrator.config.app import AppConfig
from orchestrator.errors import (
    HostUnreachable,
    UsageError,
)
from orchestrator.model.rebuild import Way
from orchestrator.plan import service_url, services
from orchestrator.secret import Secret
from orchestrator.workflows import (
    backup_keys,
    env,
)
from orchestrator.workflows.rebuild import Wish
from tests.support.changes import OLD, live_fleet
from tests.support.fleet import APP, FakeFleet
from tests.unit.workflows.with_rebuild import CONFIG, EMPTY, HOSTS, World, at, fleet_of, world_of  # noqa: F401 - world_of: a fixture


@pytest.mark.parametrize(
    ("names", "balancers", "lost"),
    [(("web-1", "web-2"), (), "web-1"), (("web-1", "web-2"), ("lb-1",), "lb-1"),
     (("web-1", "web-2"), ("lb-1", "lb-2"), "lb-2"), (("web-1",), ("lb-1",), "lb-1")],
)  # fmt: skip
def test_a_lost_load_balancer_routes_to_what_the_app_hosts_run(
    world: World, tmp_path: Path, names: tuple[str, ...], balancers: tuple[str, ...], lost: str
) -> None:
    """The only one too, and one that runs instances as well: a new one routes to blue until it is told."""
    fleet_of(world, tmp_path / "fleet", *names, balancers=balancers, lost=lost)
    done = world.run(Wish("10.9.9.9", lost))
    assert (done.way, done.release) == (Way.FLEET, OLD)
    assert world.fleet.summary() == {("green", OLD)}
    assert {host.current for host in world.fleet.hosts.values() if host.host.is_app} == {OLD}
    assert ("web-1", "drain") not in world.fleet.calls
    assert world.run(Wish("10.9.9.9", lost)).release == OLD


def test_a_fleet_that_lost_two_hosts_is_rebuilt_one_after_another(world: World, tmp_path: Path) -> None:
    """Said before anything is touched."""
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", lost="web-2")
    world.silent = {"web-1"}
    with pytest.raises(HostUnreachable, match="web-1 cannot be reached either") as caught:
        world.run(Wish("10.9.9.9", "web-2"))
    assert "take web-1 out of" in caught.value.next
    assert "10.9.9.9" not in world.stage.path.read_text()


def test_a_host_that_was_reinstalled_where_it_was_is_made_known_to_the_others(
    world: World, tmp_path: Path
) -> None:
    """Its keys and certificates are new, though its address is not."""
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", lost="web-2")
    world.run(Wish("", "web-2"))
    assert world.provisioned == [("web-1@10.0.0.1", "web-2@10.0.0.2")]


@pytest.mark.parametrize(("carrier", "lost"), [("web-1", "web-1"), ("lb-1", "lb-1")])
def test_hosts_that_use_a_service_of_the_lost_one_get_its_new_address(
    world: World, tmp_path: Path, carrier: str, lost: str
) -> None:
    """By a release of the same files with today's environment; the rebuilt host runs the same one."""
    config = CONFIG.model_copy(
        update={
            "services": AppConfig.model_validate(
                {"app": APP, "services": {"mariadb": {"host": carrier}}}
            ).services
        }
    )
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", balancers=("lb-1",), lost=lost)
    (before,) = services.placed(config, world.stage)
    env.put(config, world.stage, {"DATABASE_URL": service_url.make(before, APP, Secret("p" * 43))})
    done = world.run(Wish("10.9.9.9", lost), config=config)
    url = secrets.opened(world.stage).values()["DATABASE_URL"].reveal()
    assert url.startswith(f"mysql://shop:{'p' * 43}@10.9.9.9:3306/shop")
    assert {host.settings[done.release]["env"]["DATABASE_URL"].reveal() for host in world.fleet.hosts.values()
            if host.host.is_app} == {url}  # fmt: skip
    assert done.release != OLD
    assert done.release.endswith(OLD[-8:])
    assert {host.current for host in world.fleet.hosts.values() if host.host.is_app} == {done.release}
    assert {release for _, release in world.fleet.summary()} == {done.release}
    assert world.fleet.hosts["lb-1"].out == {}


def test_in_a_fleet_it_serves_what_the_others_do(world: World, tmp_path: Path) -> None:
    """Their release, over their own hosts; they are provisioned too, as they know it by its address."""
    world.stage = at(tmp_path / "two", "web-1", "web-2")
    backup_keys.ready(CONFIG, world.stage)
    world.fleet = live_fleet(world.stage)
    lost = FakeFleet(world.stage).hosts["web-2"]
    world.fleet.hosts["web-2"] = lost
    with pytest.raises(UsageError, match="which host was lost"):
        world.run(Wish("10.9.9.9"))
    with pytest.raises(UsageError, match=r"10\.0\.0\.1 is web-1"):
        world.run(Wish("10.0.0.1", "web-2"))
    done = world.run(Wish("10.9.9.9", "web-2"))
    assert (done.way, done.release, lost.current) == (Way.FLEET, OLD, OLD)
    assert world.provisioned == [("web-1@10.0.0.1", "web-2@10.9.9.9")]
    assert 'ansible_host: "10.9.9.9"' in world.stage.path.read_text()
    assert "releases" not in lost.rebuilt
