"""A host of a fleet is lost: the others serve on, and the rebuilt one joins them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.config import secrets
from orchestrator.config.app import AppConfig
from orchestrator.errors import BackupFailed, HostUnreachable, UsageError
from orchestrator.model.rebuild import Way
from orchestrator.plan import service_url, services
from orchestrator.report import envelope
from orchestrator.report import rebuild as report
from orchestrator.secret import Secret
from orchestrator.workflows import (
    backup_keys,
    env,
)
from orchestrator.workflows.rebuild import Wish
from orchestrator.workflows.rebuild_checks import Target
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


def test_a_host_that_only_routes_needs_no_backup(world: World, tmp_path: Path) -> None:
    """Neither one that exists nor one that is configured; what it found instead is said."""
    for n, config in enumerate((CONFIG, AppConfig(app=APP))):
        fleet_of(world, tmp_path / str(n), "web-1", balancers=("lb-1",), lost="lb-1")
        world.looked, world.fleet.hosts["lb-1"].no_backup = (Target("disk", ()),), True
        done = world.run(Wish("10.9.9.9", "lb-1"), config=config)
        assert (done.backup, done.way, done.release) == (None, Way.FLEET, OLD)
        assert world.fleet.hosts["lb-1"].rebuilt == ["look", "end"]
        assert "lb-1 came back without a backup (disk: there is no repository)" in " ".join(done.notes)
        assert world.fleet.summary() == {("green", OLD)}
        text = report.text(done)
        assert "no backup was needed" in text
        assert "now: vpsdeploy status" in text
        line = json.loads(envelope.result_line("host_rebuild", report.fields(done)))
        assert line["backup"] is None


def test_a_backup_of_it_is_used_all_the_same(world: World, tmp_path: Path) -> None:
    """It has the certificate; one that is named has to be there."""
    fleet_of(world, tmp_path / "fleet", "web-1", balancers=("lb-1",), lost="lb-1")
    done = world.run(Wish("10.9.9.9", "lb-1"))
    assert done.backup
    assert (done.backup.target, done.certificate) == ("disk", ("shop.example",))
    fleet_of(world, tmp_path / "again", "web-1", balancers=("lb-1",), lost="lb-1")
    world.looked = (Target("disk", ()),)
    with pytest.raises(BackupFailed, match="no backup of lb-1"):
        world.run(Wish("10.9.9.9", "lb-1", source="disk"))
    with pytest.raises(UsageError, match="shop has no backups"):
        world.run(Wish("10.9.9.9", "lb-1", source="disk"), config=AppConfig(app=APP))


@pytest.mark.parametrize(
    ("more", "kept"),
    [({"services": {"redis": {"host": "web-2"}}}, "redis"), ({"shared": ("uploads",)}, "the shared directories")],
)  # fmt: skip
def test_what_only_a_backup_has_keeps_a_host_from_being_rebuilt_without(
    world: World, tmp_path: Path, more: dict[str, object], kept: str
) -> None:
    """It is named, before anything is touched; without it the others have all that the host had."""
    targets = {"targets": {"disk": "/mnt/backups"}}
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", lost="web-2")
    world.looked, world.fleet.hosts["web-2"].no_backup = (Target("disk", ()),), True
    with pytest.raises(BackupFailed) as caught:
        world.run(
            Wish("10.9.9.9", "web-2"),
            config=AppConfig.model_validate({"app": APP, "backup": targets, **more}),
        )
    assert f"of web-2 only a backup has: {kept}" in caught.value.why
    assert world.provisioned == []
    done = world.run(Wish("10.9.9.9", "web-2"))
    assert (done.backup, done.release) == (None, OLD)


def test_what_no_backup_holds_is_told_to_be_lost(world: World, tmp_path: Path) -> None:
    """A rebuild that ends well must not look as if everything were back."""
    config = AppConfig.model_validate({"app": APP, "services": {"mongodb": {"host": "web-2"}}})
    fleet_of(world, tmp_path / "fleet", "web-1", "web-2", lost="web-2")
    done = world.run(
        Wish("10.9.9.9", "web-2"), config=CONFIG.model_copy(update={"services": config.services})
    )
    assert (
        "mongodb is empty: what it held was in no backup, and is lost with the host (docs/mongodb.md)"
        in done.notes
    )
