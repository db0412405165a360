"""Backups on a host that is a directory: files are real, restic is stood in for, no database is there."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import mutex
from orchestrator.agent.backup import dumps, ping, services
from orchestrator.agent.backup.engines import Engine
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.programs import Finished
from tests.support.fake_restic import REFUSED, Repositories
from tests.unit.agent.conftest import FakeSystemd, Host

BIG = 3 << 20


class World(FakeSystemd):
    """What the host runs. Units are not started: tests call what they call."""

    def __init__(self, host: Host, copies: Path) -> None:
        super().__init__()
        self.host, self.restic = host, Repositories(copies)
        self.pinged: list[tuple[str, bytes]] = []

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """restic in memory; systemd as ever."""
        if "restic" in arguments:
            return self.restic.run(arguments)
        return super().__call__(arguments)

    def unit(self, verb: str) -> dict[str, Any]:
        """What the unit of a verb calls."""
        request = json.dumps({"protocol": 1, "app": "shop", "by": "timer"})
        return self.host.words([verb, "--request", request])

    @property
    def state(self) -> dict[str, Any]:
        """What is kept of it all."""
        known: dict[str, Any] = json.loads(self.host.app.backup_state_file.read_text())
        return known

    @property
    def troubles(self) -> str:
        """What `facts` says that somebody has to look at."""
        return "\n".join(self.host.call("facts")["backup"]["troubles"])


@pytest.fixture(name="world")
def _world(bare: Host, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """A host with two targets, its keys and two uploads."""
    made = World(bare, tmp_path_factory.mktemp("copies"))
    bare.systemd = made
    set_up(bare)
    (bare.app.shared / "uploads").mkdir()
    (bare.app.shared / "uploads" / "a.txt").write_text("a")
    (bare.app.shared / "uploads" / "b.txt").write_text("b" * BIG)
    bare.call("backup-keys", keys={"password": "one", "ping_url": "https://hc.example/x\n"})
    monkeypatch.setattr(ping, "_post", lambda url, body: made.pinged.append((url, body)))
    return made


def set_up(host: Host, **other: Any) -> None:
    """What the role writes."""
    targets = {name: {"kind": "local", "repository": f"/mnt/{name}/shop"} for name in ("disk", "far")}
    settings = {
        "name": "web-1", "stage": "production", "targets": targets, "keep": {"daily": 7, "weekly": 0, "monthly": 12},
        "what": ["files", "databases", "state"], "exclude": ["cache"], "events": ["*-*-* 03:00:00 UTC"],
        "jitter_seconds": 0, "drill_events": ["Sun *-*-* 05:00:00 UTC"], "checks": [], **other,
    }  # fmt: skip
    host.layout.backups.mkdir(parents=True, exist_ok=True)
    host.app.backup_file.write_text(json.dumps(settings))


def test_a_backup_goes_to_every_target(world: World) -> None:
    """Repositories are made; the history and the dead man's switch hear of it. The next one asks nothing else."""
    done = world.unit("backup")
    assert (done["last"]["result"], sorted(done["last"]["targets"])) == ("done", ["disk", "far"])
    assert world.restic.names() == ["cat", "init", "backup"] * 2
    assert [url for url, _ in world.pinged] == ["https://hc.example/x/start", "https://hc.example/x"]
    assert '"verb":"backup"' in world.host.app.history_file.read_text()
    assert not world.host.app.staging.exists()
    world.restic.told.clear()
    world.unit("backup")
    assert world.restic.names() == ["backup"] * 2


def test_what_is_left_out_is_left_out(world: World) -> None:
    """Patterns, and the keys: whoever opens the backup has them."""
    world.unit("backup")
    words = next(words for words in world.restic.told if words[0] == "backup")
    left = [words[n + 1] for n, word in enumerate(words) if word == "--exclude"]
    assert left == [f"{world.host.app.shared}/cache", str(world.host.app.backup_keys)]


def test_keys_are_root_s_own_and_only_those_that_were_given_last(world: World) -> None:
    """A target that is gone leaves no key behind."""
    place = world.host.app.backup_keys
    assert {path.name: path.stat().st_mode & 0o777 for path in place.iterdir()} == {
        "password": 0o600,
        "ping_url": 0o600,
    }
    assert place.stat().st_mode & 0o777 == 0o700
    assert world.host.call("backup-keys", keys={"password": "one"})["changed"]
    assert not world.host.call("backup-keys", keys={"password": "one"})["changed"]
    assert [path.name for path in place.iterdir()] == ["password"]
    for name in ("../x", "authorized_keys", "X.s3"):
        assert world.host.call("backup-keys", keys={name: "x"})["kind"] == "UsageError"


def test_no_key_is_in_what_is_run(world: World) -> None:
    """Arguments and environments name files."""
    world.host.call("backup-keys", keys={"password": "canary", "disk.s3": "canary"})
    world.unit("backup")
    assert "canary" not in json.dumps([world.restic.told, world.told])


def test_without_keys_there_is_none(world: World) -> None:
    """Nothing is dumped, and people hear how to go on."""
    (world.host.app.backup_keys / "password").unlink()
    assert world.unit("backup")["what"] == "the host has no keys for its backups"
    assert "vpsdeploy backup now" in world.troubles
    assert world.restic.told == []


def test_one_target_that_fails_keeps_none_of_the_others_from_it(world: World) -> None:
    """The backup has failed all the same: it says what is stored where."""
    world.restic.broken["backup /mnt/disk/shop"] = "Fatal: write: no space left on device"
    failed = world.unit("backup")
    assert (failed["kind"], failed["state"]) == ("BackupFailed", "stored at far")
    assert failed["why"].startswith("disk: the backup failed (disk): the target is full")
    assert "the last backup failed" in world.troubles
    assert "disk has no backup yet" in world.troubles
    assert world.pinged[-1][0] == "https://hc.example/x/fail"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [(REFUSED, "another password"), ("ssh: connect: Connection refused", "cannot be reached"),
     ("Host key verification failed.", "host key is not the one in vpsdeploy.yml")],
)  # fmt: skip
def test_causes_are_told_in_words(world: World, said: str, meaning: str) -> None:
    """Of restic, and of what it runs. What cannot be opened is not taken for empty."""
    world.restic.broken["cat"] = said
    assert meaning in world.unit("backup")["why"]
    assert "init" not in world.restic.names()


def test_a_repository_that_is_gone_is_never_made_anew(world: World) -> None:
    """Perhaps the disk is only not mounted."""
    world.unit("backup")
    del world.restic.made["/mnt/disk/shop"]
    assert "there is no repository" in world.unit("backup")["why"]
    assert "/mnt/disk/shop" not in world.restic.made


def test_two_at_once(world: World) -> None:
    """The second says so, and whose the first is."""
    with mutex.held(world.host.app.backup_mutex, 0):
        world.host.app.backup_mutex.write_text(
            json.dumps({"doing": "a backup", "by": "ann@x", "since": time.time()})
        )
        for verb in ("backup", "drill"):
            refused = world.unit(verb)
            assert (refused["kind"], refused["state"]) == ("LockHeld", "this one did nothing")
            assert refused["why"].startswith("a backup by ann@x has been running for")
        assert world.host.call("restore", path="uploads/a.txt")["kind"] == "LockHeld"
    assert world.unit("backup")["event"] == "result"


def test_what_an_interrupted_run_left_is_swept_up(world: World) -> None:
    """Half a dump is not stored as one of the next run's; stale locks are removed."""
    world.host.app.staging.mkdir(parents=True)
    (world.host.app.staging / "half.dump").write_text("half")
    world.host.app.restored.mkdir()
    world.restic.locked = True
    world.unit("backup")
    assert world.restic.names()[:4] == ["cat", "init", "backup", "unlock"]
    assert not list(world.restic.copies.rglob("half.dump"))
    assert not world.host.app.restored.exists()


def test_one_that_shrinks_is_told_and_nothing_old_goes(world: World) -> None:
    """Perhaps what it should hold is gone."""
    world.unit("backup")
    (world.host.app.shared / "uploads" / "b.txt").unlink()
    world.restic.told.clear()
    warned = world.unit("backup")["last"]["warnings"]
    assert [text.split(":")[0] for text in warned] == ["disk", "far"]
    assert "shrunken" in warned[0]
    assert "forget" not in world.restic.names()
    assert "shrunken" in world.troubles
    assert world.pinged[-1][0].endswith("/fail")


def test_with_a_clock_that_was_set_back_nothing_old_goes(world: World) -> None:
    """The newest would be the first to go."""
    world.unit("backup")
    known = world.state
    for one in known["targets"].values():
        one["good"]["at"] += 7 * 86400
    world.host.app.backup_state_file.write_text(json.dumps(known))
    world.restic.told.clear()
    assert "the clock was set back" in world.unit("backup")["last"]["warnings"][0]
    assert "forget" not in world.restic.names()


def test_old_ones_go_once_a_week(world: World) -> None:
    """With their room, which rewrites parts of the repository; what is not to be kept is not asked for."""
    world.unit("backup")
    known = world.state
    known["targets"]["disk"]["pruned_at"] -= 7 * 86400
    world.host.app.backup_state_file.write_text(json.dumps(known))
    world.restic.told.clear()
    world.unit("backup")
    kept = ["--keep-daily", "7", "--keep-monthly", "12"]
    assert [words for words in world.restic.told if words[0] == "forget"] == [
        ["forget", "--host", "web-1", "--group-by", "host", "--prune", *kept]
    ]


def test_files_that_went_meanwhile_are_no_failure(world: World) -> None:
    """An app removes uploads; what is there and cannot be read is one."""
    world.unit("backup")
    world.restic.unread = ["/srv/shop/shared/uploads/gone.txt"]
    assert world.unit("backup")["last"]["result"] == "done"
    world.restic.unread = [str(world.host.app.shared / "uploads" / "a.txt")]
    assert "files could not be read" in world.unit("backup")["why"]


def test_a_service_that_cannot_be_dumped_fails_the_backup(world: World) -> None:
    """It is never left out in silence; another app's is not ours."""
    world.host.layout.services.mkdir(parents=True)
    told = {"service": "cassandra", "app": "shop", "database": "shop"}
    (world.host.layout.services / "x.json").write_text(json.dumps({**told, "app": "other"}))
    assert world.unit("backup")["event"] == "result"
    (world.host.layout.services / "x.json").write_text(json.dumps(told))
    failed = world.unit("backup")
    assert (failed["what"], failed["state"]) == ("cassandra cannot be backed up", "nothing was backed up")


def test_a_missed_backup_is_told(world: World) -> None:
    """As systemd's calendar says when one was due."""
    world.unit("backup")
    known = world.state
    for one in known["targets"].values():
        one["good"]["at"] -= 3 * 86400
    world.host.app.backup_state_file.write_text(json.dumps(known))
    assert "one was due since" not in world.troubles
    world.elapses = "Next elapse: Wed 2020-01-01 03:00:00 UTC"
    assert "one was due since" in world.troubles


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

    monkeypatch.setattr(dumps, "ENGINES", {"other": Engine(dump, *[pytest.fail] * 3)})
    world.unit("backup")
    assert "a dump came back as another" in world.unit("drill")["why"]


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


def test_where_none_are_set_up_there_is_nothing_to_tell(world: World) -> None:
    """facts has null; whoever asks is told what to do."""
    world.host.app.backup_file.unlink()
    assert world.host.call("facts")["backup"] is None
    assert world.host.call("backup-list")["what"] == "no backups of shop are set up here"


def test_an_sftp_target_is_asked_by_its_own_key_and_known_by_its_own(world: World) -> None:
    """No other file of keys counts, nothing is asked of anybody, and one that says nothing is given up."""
    target = {
        "kind": "sftp", "repository": "sftp:u@h:x/shop", "user": "u1", "host": "h.example", "port": 23, "base": "x",
    }  # fmt: skip
    set_up(world.host, targets={"box": target})
    world.host.call("backup-keys", keys={"password": "one", "ssh_key": "two", "known_hosts": "three"})
    seen: list[list[str]] = []

    def look(arguments: Sequence[str]) -> Finished:
        seen.append(list(arguments))
        return Finished(1, "", "no")

    world.host.systemd = look  # type: ignore[assignment] - asked for nothing but to be looked at
    world.unit("backup")
    option = next(word for word in seen[0] if word.startswith("sftp.command="))
    keys = world.host.app.backup_keys
    assert option.startswith(
        f"sftp.command=ssh -p 23 -i {keys}/ssh_key -o UserKnownHostsFile={keys}/known_hosts"
    )
    for said in (
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        "ConnectTimeout=20",
    ):
        assert f"-o {said}" in option
    assert option.endswith("u1@h.example -s sftp")


def test_an_s3_target_s_key_is_in_a_file(world: World) -> None:
    """Whose place is all that the environment tells; one that does not answer is given up after a while."""
    target = {"kind": "s3", "repository": "s3:https://s3.example/b/shop", "base": "s3:https://s3.example/b"}
    set_up(world.host, targets={"cloud": target})
    world.host.call("backup-keys", keys={"password": "one", "cloud.s3": "[default]"})
    world.unit("backup")
    world.restic.told.clear()
    world.unit("backup")
    assert world.restic.names() == ["cat", "backup"]
    assert world.host.app.backup_keys.joinpath("cloud.s3").stat().st_mode & 0o777 == 0o600
