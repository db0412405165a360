"""An empty host that becomes a lost one: files are real, restic is stood in for, no database is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent.backup import dumps, services
from orchestrator.agent.backup.engines import Engine
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.failures import BackupFailed, UsageError
from tests.unit.agent.conftest import BLUE, RELEASES, Host
from tests.unit.agent.with_backups import World, never, set_up, world_of  # noqa: F401 - pytest finds the fixture world_of by its import

ALL = ["files", "databases", "state", "releases"]


@pytest.fixture(name="lost")
def _lost(world: World) -> World:
    """A host with two releases, backed up; its repositories outlive it."""
    host = world.host
    set_up(host, what=ALL)
    host.lock()
    for release in RELEASES[:2]:
        host.ship(release, {"dist/main.js": release.encode()}, env={"KEY": "value"})
    host.call("start", release=RELEASES[1], colour=BLUE)
    host.call("flip", colour=BLUE, confirm_seconds=60)
    host.call("confirm", colour=BLUE, release=RELEASES[1])
    assert world.unit("backup")["last"]["result"] == "done"
    return world


@pytest.fixture(name="new")
def _new(
    lost: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], World]:
    """Makes the empty host: snapshots name the lost one's paths, which are this one's, too."""

    def make() -> World:
        root = lost.host.layout.root
        root.rename(tmp_path_factory.mktemp("burned") / "host")
        root.mkdir()
        host = Host(root)
        host.provision()
        set_up(host, what=ALL)
        made = World(host, lost.restic.copies)
        made.restic = lost.restic
        host.systemd = made
        host.call("backup-keys", keys={"password": "one"})
        return made

    return make


def rebuild(world: World, part: str, **asked: Any) -> dict[str, Any]:
    """One part."""
    return world.host.call("rebuild", part=part, **asked)


def test_the_newest_backup_is_chosen_and_kept(lost: World, new: Callable[[], World]) -> None:
    """Of the first target that has one; nothing is backed up meanwhile, so the choice stays the newest."""
    del lost.restic.made["/mnt/disk/shop"]
    world = new()
    chosen = rebuild(world, "look")
    assert (chosen["target"], chosen["release"]["id"]) == ("far", RELEASES[1])
    assert rebuild(world, "look")["snapshot"] == chosen["snapshot"]
    assert world.unit("backup")["what"] == "the host is being rebuilt"
    assert "was not rebuilt to its end" in world.troubles


def test_data_and_record_come_back_once(new: Callable[[], World]) -> None:
    """What is done is not done again, whoever interrupts it."""
    world = new()
    rebuild(world, "look")
    assert rebuild(world, "data")["restored"] == ["shared directories: 2 files"]
    assert (world.host.app.shared / "uploads" / "a.txt").read_text() == "a"
    lines = world.host.app.history_file.read_text()
    assert RELEASES[1] in lines
    assert rebuild(world, "data") == {"event": "result", "restored": [], "kept": []}
    assert world.host.app.history_file.read_text() == lines
    assert '"verb":"confirm"' in lines
    assert world.host.call("facts")["last"] is None  # this host was told nothing yet


def test_the_same_releases_come_back(new: Callable[[], World]) -> None:
    """Both, from the same bits, with their environment, and with who made them and when."""
    world = new()
    rebuild(world, "look")
    told = rebuild(world, "releases")
    assert (told["release"], told["releases"], told["notes"]) == (RELEASES[1], list(RELEASES[:2]), [])
    place = world.host.app.release(RELEASES[1])
    assert (place / "app/dist/main.js").read_bytes() == RELEASES[1].encode()
    assert json.loads((place / "settings.json").read_text())["env"] == {"KEY": "value"}
    assert json.loads((place / "release.json").read_text())["by"] == "test@here"
    assert not (world.host.app.home / ".restored").exists()
    assert rebuild(world, "releases")["release"] == RELEASES[1]


def test_a_release_whose_files_are_not_in_the_backup_is_told_of(
    lost: World, new: Callable[[], World]
) -> None:
    """With its commit, so that it can be built again; the other one is back."""
    for path in (lost.restic.copies).rglob("srv/shop/store/*/*"):
        if path.read_bytes() == RELEASES[1].encode():
            path.unlink()
    world = new()
    rebuild(world, "look")
    told = rebuild(world, "releases")
    assert (told["release"], told["releases"]) == (None, [RELEASES[0]])
    assert "missing or damaged" in told["why"]


def test_another_node_of_the_same_line_runs_it(new: Callable[[], World]) -> None:
    """And says so; without one it does not come back."""
    world = new()
    node = world.host.layout.node("24.21.0")
    rebuild(world, "look")
    node.parent.parent.rename(node.parent.parent.with_name("v26.0.0"))
    assert "no other Node 24" in rebuild(world, "releases")["why"]
    node.parent.parent.with_name("v26.0.0").rename(node.parent.parent.with_name("v24.22.1"))
    told = rebuild(world, "releases")
    assert told["release"] == RELEASES[1]
    assert told["notes"][-1] == f"{RELEASES[1]} runs on Node 24.22.1: 24.21.0 is not here"


def test_native_modules_of_another_machine_do_not_come_back(lost: World, new: Callable[[], World]) -> None:
    """They would not load."""
    for file in lost.restic.copies.rglob("staging/manifest.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "machine": "vax"}))
    for file in lost.restic.copies.rglob("state/releases/*/manifest.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "platform": "linux-vax"}))
    world = new()
    rebuild(world, "look")
    assert "another machine: vax" in rebuild(world, "releases")["why"]


def test_a_database_is_restored_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database in use is refused first; one that failed is tried again, with force: nobody but us wrote to it."""
    host, tries = world.host, list[bool]()
    host.layout.services.mkdir(parents=True)
    (host.layout.services / "x.json").write_text(
        json.dumps({"service": "other", "app": "shop", "database": "shop"})
    )

    def dump(_: object, one: services.Service, place: Path) -> Dumped:
        (place / "x.dump").write_text("x")
        digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        return Dumped(one.kind, one.database, "x.dump", 1, digest, 0.0, {}, {})

    def restore(call: Any, *_: object) -> None:
        tries.append(call.request.flag("force"))
        if len(tries) == 1:
            raise BackupFailed("it broke")

    used = [True]

    def refuse(*_: object) -> None:
        if used:
            raise UsageError("it is in use")

    engines = {"other": Engine(dump, never, refuse, restore)}
    monkeypatch.setattr(dumps, "ENGINES", engines)
    monkeypatch.setattr("orchestrator.agent.backup.rebuild.ENGINES", engines)
    world.unit("backup")
    for path in (host.app.shared / "uploads").iterdir():
        path.unlink()
    rebuild(world, "look")
    assert rebuild(world, "data")["what"] == "it is in use"
    used.clear()
    assert rebuild(world, "data")["what"] == "it broke"
    used.append(True)
    assert rebuild(world, "data")["restored"] == ["shared directories: 2 files"]
    assert rebuild(world, "data")["restored"] == []
    assert tries == [True, True]


def test_a_host_in_use_and_one_that_was_rebuilt_are_refused(lost: World, new: Callable[[], World]) -> None:
    """Nothing is touched; a rebuild that has begun goes on with its own backup."""
    assert rebuild(lost, "look")["what"] == "the host is not empty"
    world = new()
    assert rebuild(world, "data")["what"] == "no rebuild was begun"
    assert "there is no backup" in rebuild(world, "look", snapshot="ffffffff")["what"]
    assert rebuild(world, "look", target="moon")["what"] == "there is no target 'moon'"
    rebuild(world, "look")
    rebuild(world, "data")
    for asked in ({"snapshot": "ffffffff"}, {"target": "far"}):
        assert rebuild(world, "look", **asked)["what"] == "the rebuild began with another backup"
    rebuild(world, "end")
    assert rebuild(world, "look")["what"] == "the host was rebuilt already"
    assert world.unit("backup")["last"]["result"] == "done"
    assert rebuild(world, "dance")["kind"] == "UsageError"


def test_a_certificate_is_put_only_where_none_is(lost: World, new: Callable[[], World]) -> None:
    """An app without HTTPS needs none."""
    world = new()
    rebuild(world, "look")
    assert rebuild(world, "certificate")["certificate"] == "off"


def test_a_host_that_can_do_without_a_backup_is_noted_all_the_same(
    lost: World, new: Callable[[], World]
) -> None:
    """It makes no backup until its end, goes on where it was interrupted, and is not rebuilt twice."""
    lost.restic.made.clear()
    world = new()
    assert rebuild(world, "look")["what"] == "there is no backup to rebuild the host from"
    chosen = rebuild(world, "look", optional=True)
    assert (chosen["target"], chosen["snapshot"], chosen["release"]) == ("", "", None)
    assert "disk: " in chosen["why"]
    assert world.unit("backup")["what"] == "the host is being rebuilt"
    assert rebuild(world, "look", optional=True)["target"] == ""
    rebuild(world, "end")
    assert world.unit("backup")["last"]["result"] == "done"
    refused = rebuild(world, "look", optional=True)
    assert refused["what"] == "the host was rebuilt already"
    assert refused["why"].startswith("without a backup")


def test_an_app_without_backups_has_none_to_look_for(lost: World, new: Callable[[], World]) -> None:
    """Its host is told nothing of them."""
    del lost
    world = new()
    world.host.app.backup_file.unlink()
    assert rebuild(world, "look", optional=True)["why"] == "the app has no backups"
