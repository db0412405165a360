"""Backups on a host that is a directory: how they are made, and what is told of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from orchestrator.agent import durable, mutex
from orchestrator.agent.backup import restic
from orchestrator.agent.programs import Finished
from orchestrator.agent.systemd import Systemd
from tests.support.fake_restic import REFUSED
from tests.unit.agent.with_backups import World, set_up, world_of  # noqa: F401 - world_of: a fixture

S3 = "Fatal: unable to open config file: Stat:"
ASKED = "\nIs there a repository at the following location?\ns3:https://x/bucket/shop"
"""As restic 0.14 said it of rclone's server: whatever keeps it from looking, it asks so."""


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
     ("Host key verification failed.", "host key is not the one in vpsdeploy.yml"),
     (f"{S3} The request signature we calculated does not match the signature you provided.{ASKED}", "refuses us"),
     (f"{S3} The Access Key Id you provided does not exist in our records.{ASKED}", "refuses us"),
     (f"{S3} The specified bucket does not exist{ASKED}", "the bucket does not exist"),
     (f'{S3} Get "https://x/": dial tcp 10.0.0.1:9: connect: connection refused{ASKED}', "cannot be reached")],
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


def test_where_none_are_set_up_there_is_nothing_to_tell(world: World) -> None:
    """facts has null; whoever asks is told what to do."""
    world.host.app.backup_file.unlink()
    assert world.host.call("facts")["backup"] is None
    assert world.host.call("backup-list")["what"] == "no backups of shop are set up here"


def test_an_sftp_target_is_asked_by_its_own_key_and_known_by_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    monkeypatch.setattr(world.host, "systemd", look)
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


def test_what_a_target_answered_is_told_though_restic_asked_again_until_its_time_was_up() -> None:
    """Debian 13's does so with a key that is refused; only where nothing is known the target is out of reach."""
    said = "Stat(<config/0000000000>) returned error, retrying after 1.2s: Stat: Access Denied."
    assert "refuses us" in restic.explained(Finished(124, "", said))
    assert restic.explained(Finished(137, "", "")).startswith("the target cannot be reached")


@pytest.mark.parametrize(
    "said",
    ["dial tcp: lookup s3.example on 127.0.0.53:53: server misbehaving", "connect: network is unreachable",
     "ssh: Could not resolve hostname box.example: Temporary failure in name resolution"],
)  # fmt: skip
def test_a_target_whose_name_leads_nowhere_today_is_no_missing_repository(said: str) -> None:
    """restic asks for one whatever kept it from looking: a new one would be made."""
    found = Finished(
        1, "", f"Fatal: unable to open config file: {said}\nIs there a repository at the following location?"
    )
    assert restic.cause(found) == "the target cannot be reached"


@pytest.mark.parametrize("state", ["activating", "deactivating"])
@pytest.mark.parametrize("verb", ["backup", "drill"])
def test_one_that_is_asked_for_while_another_ends_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str, state: str
) -> None:
    """systemd would have it share the other one's end, a killed one's too."""
    monkeypatch.setattr(Systemd, "show", lambda _, units, *_given: {units[0]: {"ActiveState": state}})
    refused = world.host.call(verb)
    assert (refused["kind"], refused["what"]) == ("LockHeld", "another backup, drill or restore is running")


def test_the_dead_mans_switch_hears_of_a_backup_that_failed_on_a_full_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though not even that can be written down."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(world.host.app.backup_state_file))

    monkeypatch.setattr(durable, "write_json", full)
    assert world.unit("backup")["what"] == "the disk is full"
    assert world.pinged[-1][0] == "https://hc.example/x/fail"
