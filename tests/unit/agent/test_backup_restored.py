"""Backups on a host that is a directory: how they are proven and brought back, and what is shown of them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.agent.answers import Answers
from orchestrator.agent.backup import drill, dumps, restore_database, services
from orchestrator.agent.backup.engines import Engine
from orchestrator.agent.backup.postgres import Cluster
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
from tests.unit.agent.with_backups import World, never, world_of  # noqa: F401 - pytest finds the fixture world_of by its import


def test_a_drill_proves_each_target(world: World) -> None:
    """Until then it is unproven; another eighth of the data is read each time."""
    world.unit("backup")
    assert "disk: unproven" in world.troubles
    told = world.unit("drill")["drill"]
    assert (told["result"], told["targets"]["disk"]["files"]) == ("done", 2)
    assert world.troubles == ""
    world.unit("drill")
    parts = [words[1] for words in world.restic.told if words[0] == "check"]
    assert parts == ["--read-data-subset=1/8"] * 2 + ["--read-data-subset=2/8"] * 2
    assert not world.host.app.restored.exists()


def test_a_drill_that_fails_is_told(world: World) -> None:
    """And says that nothing real was touched."""
    world.unit("backup")
    world.restic.broken["check"] = "Fatal: repository contains errors"
    failed = world.unit("drill")
    assert (failed["what"], failed["state"]) == (
        "the restore drill failed",
        "the app and its data were not touched",
    )
    assert "the last restore drill failed" in world.troubles
    assert world.pinged[-1][0].endswith("/fail")


def test_a_dump_that_comes_back_as_another_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its digest is in the manifest."""
    world.host.layout.services.mkdir(parents=True)
    told = {"service": "other", "app": "shop", "database": "shop"}
    (world.host.layout.services / "x.json").write_text(json.dumps(told))

    def dump(_: object, one: services.Service, place: Path) -> Dumped:
        (place / "x.dump").write_text("what was dumped")
        return Dumped(one.kind, one.database, "x.dump", 15, "0" * 64, 0.0, {}, {})

    monkeypatch.setattr(dumps, "ENGINES", {"other": Engine(dump, *[never] * 3)})
    world.unit("backup")
    assert "a dump came back as another" in world.unit("drill")["why"]


def test_a_drill_does_not_fill_the_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that would not fit a second time is not loaded: the app's own would stop with it."""
    world.host.layout.services.mkdir(parents=True)
    told = {"service": "other", "app": "shop", "database": "shop"}
    (world.host.layout.services / "x.json").write_text(json.dumps(told))

    def dump(_: object, one: services.Service, place: Path) -> Dumped:
        (place / "x.dump").write_text("what was dumped")
        digest = hashlib.sha256(b"what was dumped").hexdigest()
        return Dumped(one.kind, one.database, "x.dump", 15, digest, 0.0, {}, {"size_bytes": 1 << 60})

    engines = {"other": Engine(dump, *[never] * 3)}
    monkeypatch.setattr(dumps, "ENGINES", engines)
    monkeypatch.setattr(drill, "ENGINES", engines)
    world.unit("backup")
    assert "the disk is full" in world.unit("drill")["why"]


def test_one_file_comes_back(world: World) -> None:
    """What is there is not replaced by itself; with force it is put aside."""
    world.unit("backup")
    file = world.host.app.shared / "uploads" / "a.txt"
    file.write_text("changed")
    assert world.host.call("restore", path="uploads/a.txt")["kind"] == "UsageError"
    done = world.host.call("restore", path="uploads/a.txt", force=True)
    assert (file.read_text(), done["restored"]) == ("a", [f"{file}: 1 files"])
    aside = Path(done["kept"][0].rpartition(": ")[2])
    assert aside.read_text() == "changed"
    elsewhere = world.host.layout.root / "elsewhere"
    world.host.call("restore", path="uploads", to=str(elsewhere))
    assert (elsewhere / "uploads" / "a.txt").read_text() == "a"


@pytest.mark.parametrize(
    ("request_", "said"),
    [({"path": "uploads/none.txt"}, "has no"), ({"path": "../../etc/shadow"}, "the path is wrong"),
     ({"path": "/etc/shadow"}, "is not put back by itself"), ({"snapshot": "ffffffff"}, "there is no backup"),
     ({"database": "other"}, "has no database"), ({"table": "users"}, "has no table"),
     ({}, "the shared directories are in use"), ({"target": "moon"}, "there is no target")],
)  # fmt: skip
def test_what_cannot_be_restored_is_refused(world: World, request_: dict[str, Any], said: str) -> None:
    """Nothing was touched."""
    world.unit("backup")
    refused = world.host.call("restore", **request_)
    assert (refused["kind"], refused["state"]) == ("UsageError", "nothing was touched")
    assert said in refused["what"]


def test_everything_comes_back(world: World) -> None:
    """With force; what was there is beside."""
    world.unit("backup")
    (world.host.app.shared / "uploads" / "a.txt").write_text("changed")
    (world.host.app.shared / "uploads" / "b.txt").unlink()
    done = world.host.call("restore", force=True)
    assert done["restored"] == ["shared directories: 2 files"]
    assert (world.host.app.shared / "uploads" / "a.txt").read_text() == "a"
    assert (world.host.app.shared / "uploads" / "b.txt").exists()
    assert len(done["kept"]) == 1


def test_a_damaged_repository_is_told_until_it_is_good(world: World) -> None:
    """`verify` reads it all, or the part that is asked for."""
    world.unit("backup")
    world.unit("drill")
    world.restic.broken["check"] = "Fatal: repository contains errors"
    failed = world.host.call("backup-verify", target="disk")
    assert (failed["what"], failed["state"]) == ("a repository cannot be trusted", "good: none")
    assert "disk: the repository is damaged" in world.troubles
    world.restic.broken.clear()
    assert world.host.call("backup-verify", part="10%")["verified"] == ["disk", "far"]
    assert world.troubles == ""
    assert world.host.call("backup-verify", part="all of it")["kind"] == "UsageError"


def test_the_backups_of_a_target_that_does_not_answer_are_missing_and_the_others_are_not(
    world: World,
) -> None:
    """Each target for itself."""
    world.unit("backup")
    world.restic.broken["snapshots /mnt/far/shop"] = "ssh: connect: Connection refused"
    targets = world.host.call("backup-list")["targets"]
    assert (len(targets["disk"]["snapshots"]), targets["disk"]["problem"]) == (1, "")
    assert "cannot be reached" in targets["far"]["problem"]


def test_one_backup_is_shown(world: World) -> None:
    """Its manifest, and the files below a directory."""
    world.unit("backup")
    shown = world.host.call("backup-show", below=f"{world.host.app.shared}/uploads")
    assert [Path(one["path"]).name for one in shown["files"]] == ["a.txt", "b.txt"]
    assert (shown["manifest"]["host"], shown["more"]) == ("web-1", 0)


def test_a_database_that_a_killed_restore_left_closed_is_opened_by_the_next_one() -> None:
    """It takes connections again afterwards; a limit of its owner's stays."""
    for before, after in (("0", "-1"), ("12", "12"), ("-1", "-1")):
        told = list[str]()

        class Server:
            def one(self, *_: str, found: str = before) -> str:
                return found

            def ask(self, _: str, statement: str, kept: list[str] = told) -> None:
                kept.append(statement)

            def exists(self, _: str) -> bool:
                return True

        with restore_database._closed(cast(Cluster, Server()), "shop") as limit:
            assert limit == after
        limits = [text for text in told if "CONNECTION LIMIT" in text]
        assert [text.rpartition(" ")[2] for text in limits] == ["0", after]


def test_a_host_without_room_is_not_called_a_full_target(world: World) -> None:
    """Whoever restores has to make room here, not there."""
    world.unit("backup")
    into = world.host.app.restored
    world.restic.broken["restore"] = f"ignoring error: write {into}/x: no space left on device"
    answer = world.host.call("restore", database="shop", force=True)
    assert (answer["kind"], answer["what"]) == ("HostNotReady", "the disk is full")


def test_a_server_s_own_worker_does_not_make_an_empty_database_one_in_use(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autovacuum looks into each once a minute."""

    class Server:
        def exists(self, _: str) -> bool:
            return True

        def one(self, _: str, statement: str) -> str:
            return "0" if "backend_type = 'client backend'" in statement else "1"

        def ask(self, *_: str) -> list[list[str]]:
            return []

    monkeypatch.setattr(restore_database, "server_of", lambda *_: Server())
    request, host = Request({"app": "shop"}), world.host
    call = Call(host.layout, Systemd(host.systemd), request, Answers(1), Body(io.BytesIO()))
    restore_database.refuse(call, Dumped("postgresql", "shop", "x", 1, "", 0.0, {}, {}))
