"""Backups of a fleet in memory: keys are made once and kept apart, hosts are handed them, answers are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import secrets_file
from orchestrator.config.app import AppConfig
from orchestrator.errors import BackupFailed, ConfigError, HostUnreachable, LockHeld, UsageError
from orchestrator.model.fleet import Stage
from orchestrator.report import backup as report
from orchestrator.report import envelope
from orchestrator.report.reporter import Console
from orchestrator.secret import Secret
from orchestrator.transport import ssh_keypair
from orchestrator.workflows import backup, backup_keys, env
from tests.support import shapes
from tests.support.fleet import APP, FakeFleet, stage
from tests.unit.config.test_backup import KEY

TOLD = Console(verbose=False)
DISK = {"disk": "/mnt/backups"}
BOX = {"box": {"url": "sftp://u1@host.example:23/shop", "host_key": KEY}}
CLOUD = {"cloud-1": "s3://s3.example.com/my-bucket"}


def config(**targets: Any) -> AppConfig:
    """With these targets."""
    return AppConfig.model_validate({"app": APP, "backup": {"targets": targets}})


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Two hosts, and a project's directory."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    directory = tmp_path / "inventories" / "production"
    directory.mkdir(parents=True)
    return replace(stage("web-1", "web-2"), path=directory / "hosts.yml")


@pytest.fixture(name="hosts")
def _hosts(place: Stage) -> FakeFleet:
    return FakeFleet(place)


def shaped(kind: str, fields: dict[str, Any]) -> list[str]:
    """Where fields differ from docs/json.md."""
    line = json.loads(envelope.result_line(kind, fields))
    return shapes.differences(shapes.examples()[kind], line)


def test_the_first_backup_makes_the_keys_and_hands_them_over(place: Stage, hosts: FakeFleet) -> None:
    """Encrypted in the repository; every host has the same."""
    ran = backup.now(config(**DISK), place, "", TOLD, lambda *_: hosts)
    password = backup_keys.reveal(place, "RESTIC_PASSWORD")
    assert [hosts.hosts[name].backup_files for name in ("web-1", "web-2")] == [{"password": password}] * 2
    assert len(password.reveal()) == 43
    assert password.reveal() not in place.backup_secrets.read_text()
    assert not place.secrets.exists()
    assert shaped("backup", report.fields(ran)) == []
    assert "never: unproven" in report.text(ran)


def test_the_second_makes_none(place: Stage, hosts: FakeFleet) -> None:
    """Repositories are opened with what they were made with."""
    before = backup_keys.ready(config(**DISK), place)
    assert backup_keys.ready(config(**DISK), place) == before


def test_the_app_is_never_given_them(place: Stage) -> None:
    """They are no secrets of the app, though the same key opens both files."""
    env.put(config(**DISK), place, {"DATABASE_URL": Secret("x")})
    backup_keys.ready(config(**DISK), place)
    assert [one.name for one in env.listed(config(**DISK), place).secrets] == ["DATABASE_URL"]
    assert secrets_file.read(place.backup_secrets).key == secrets_file.read(place.secrets).key


def test_another_key_of_the_stage_opens_both(place: Stage) -> None:
    """`env rotate-key` is for somebody who has left: they must not open backups either."""
    before = backup_keys.ready(config(**DISK), place)
    env.rotate_key(place)
    env.put(config(**DISK), place, {"DATABASE_URL": Secret("x")})
    env.rotate_key(place)
    assert secrets_file.read(place.backup_secrets).key == secrets_file.read(place.secrets).key
    assert backup_keys.ready(config(**DISK), place) == before


def test_an_sftp_target_gets_a_key_and_knows_its_host(place: Stage) -> None:
    """The public half is what people put there."""
    files = backup_keys.ready(config(**BOX), place)
    assert files["known_hosts"].reveal() == f"[host.example]:23 {KEY}\n"
    assert files["ssh_key"].reveal().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    keys = backup_keys.listed(config(**BOX), place)
    assert keys.public_key == ssh_keypair.public(files["ssh_key"], "shop-backup")
    assert keys.public_key.startswith("ssh-ed25519 AAAA")
    assert shaped("backup_keys", report.keys_fields(keys)) == []


def test_an_s3_target_without_a_key_is_refused_before_anything_is_touched(
    place: Stage, hosts: FakeFleet
) -> None:
    """Its key is the provider's: nobody can make it up."""
    with pytest.raises(ConfigError) as refused:
        backup.now(config(**CLOUD), place, "", TOLD, lambda *_: hosts)
    assert refused.value.next == "vpsdeploy backup set CLOUD_1_ACCESS_KEY_ID"
    assert hosts.calls == []
    for name in ("CLOUD_1_ACCESS_KEY_ID", "CLOUD_1_SECRET_ACCESS_KEY"):
        backup_keys.put(config(**CLOUD), place, name, Secret(f"{name.lower()}\n"))
    text = "[default]\naws_access_key_id = cloud_1_access_key_id\naws_secret_access_key = cloud_1_secret_access_key\n"
    assert backup_keys.ready(config(**CLOUD), place)["cloud-1.s3"] == Secret(text)


def test_the_dead_man_s_switch_may_be_a_secret(place: Stage) -> None:
    """Then it wins over the one in vpsdeploy.yml."""
    plain = AppConfig.model_validate(
        {"app": APP, "backup": {"targets": DISK, "ping_url": "https://hc.example/x"}}
    )
    assert backup_keys.ready(plain, place)["ping_url"] == Secret("https://hc.example/x")
    backup_keys.put(plain, place, "PING_URL", Secret("https://hc.example/secret"))
    assert backup_keys.ready(plain, place)["ping_url"] == Secret("https://hc.example/secret")


def test_the_password_is_never_replaced(place: Stage) -> None:
    """Nor a key set that nobody needs."""
    backup_keys.ready(config(**DISK), place)
    for name in ("RESTIC_PASSWORD", "SSH_KEY", "WHATEVER"):
        with pytest.raises(UsageError) as refused:
            backup_keys.put(config(**DISK), place, name, Secret("x"))
        assert refused.value.state == "nothing was changed"


def test_a_drill_ends_the_doubt(place: Stage, hosts: FakeFleet) -> None:
    """And its figures are shown."""
    backup.now(config(**DISK), place, "web-1", TOLD, lambda *_: hosts)
    ran = backup.drill(config(**DISK), place, "web-1", "", TOLD, lambda *_: hosts)
    assert shaped("backup", report.fields(ran)) == []
    assert report.troubles(ran.hosts) == []
    assert "14 s" in report.text(ran)


def test_one_host_that_fails_is_told_with_the_others(place: Stage, hosts: FakeFleet) -> None:
    """Their backups are made."""

    def fail(host: str, verb: str) -> None:
        if (host, verb) == ("web-2", "backup"):
            raise BackupFailed("the backup failed", host=host, state="nothing was stored")

    hosts.fail = fail
    with pytest.raises(BackupFailed) as failed:
        backup.now(config(**DISK), place, "", TOLD, lambda *_: hosts)
    assert (failed.value.host, failed.value.state) == ("web-2", "nothing was stored; done on web-1")
    assert failed.value.exit_code == 11


def test_a_backup_that_is_under_way_is_no_failure_of_ours(place: Stage, hosts: FakeFleet) -> None:
    """It has an exit code of its own."""

    def fail(host: str, verb: str) -> None:
        if verb == "backup":
            raise LockHeld("another backup, drill or restore is running", host=host)

    hosts.fail = fail
    with pytest.raises(LockHeld):
        backup.now(config(**DISK), place, "", TOLD, lambda *_: hosts)


def test_a_host_that_is_down_hides_no_other(place: Stage, hosts: FakeFleet) -> None:
    """`list` says which did not answer."""

    def fail(host: str, verb: str) -> None:
        if host == "web-2":
            raise HostUnreachable("no SSH connection", host=host, why="timed out")

    hosts.hosts["web-1"].backup_files = {"password": Secret("x")}
    hosts.hosts["web-1"].do_backup({})
    hosts.fail = fail
    ran, found = backup.look(config(**DISK), place, "", lambda *_: hosts)
    assert (ran.silent, [one.host for one in found]) == ({"web-2": "no SSH connection: timed out"}, ["web-1"])
    assert shaped("backups", report.listed_fields(ran, found)) == []
    assert "6f06cbf8  2026-11-26T03:12:12Z" in report.listed_text(ran, found)


def test_a_restore_is_of_one_host(place: Stage, hosts: FakeFleet) -> None:
    """Where there are several it has to be named; it is handed the keys: it may be a new one."""
    request = {"table": "users"}
    with pytest.raises(UsageError) as refused:
        backup.restore(config(**DISK), place, "", request, TOLD, lambda *_: hosts)
    assert refused.value.why == "production has web-1, web-2"
    name, answer = backup.restore(config(**DISK), place, "web-2", request, TOLD, lambda *_: hosts)
    assert hosts.calls == [("web-2", "backup-keys"), ("web-2", "restore")]
    assert shaped("restored", report.restored_fields("production", name, answer)) == []
    assert "table users" in report.restored_text(name, answer)


def with_log() -> AppConfig:
    """PostgreSQL on the first host, and its log is sent."""
    backups = {"targets": DISK, "point_in_time": True}
    return AppConfig.model_validate({"app": APP, "services": {"postgresql": {}}, "backup": backups})


def test_a_moment_is_of_the_host_with_the_database(place: Stage, hosts: FakeFleet) -> None:
    """It need not be named; the host is asked for seconds since the epoch."""
    asked: list[dict[str, Any]] = []
    web = hosts.hosts["web-1"]
    usual = web.restore

    def restore(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return usual(request)

    web.restore = restore  # type: ignore[method-assign] # what was asked is looked at
    addressed = replace(place, hosts=tuple(replace(one, private_address=one.address) for one in place.hosts))
    request = {"table": "users", "to_time": "2026-11-26T08:00:00Z"}
    name, _ = backup.restore(with_log(), addressed, "", request, TOLD, lambda *_: hosts)
    assert (name, asked[0]["moment"]) == ("web-1", 1795680000.0)
    assert "to_time" not in asked[0]


@pytest.mark.parametrize(
    ("request_", "said"),
    [({"database": "shop", "snapshot": "1f3a9c2e"}, "--to-time and a backup's id do not go together"),
     ({"path": "a.txt"}, "--to-time and --path do not go together"), ({}, "what is to be restored to that moment?"),
     ({"database": "shop", "to_time": "08:00"}, "'08:00' is no moment")],
)  # fmt: skip
def test_a_moment_that_cannot_be_is_refused(
    place: Stage, hosts: FakeFleet, request_: dict[str, Any], said: str
) -> None:
    """Before any host is asked; also where there is no log at all."""
    request = {"to_time": "2026-11-26T08:00:00Z", **request_}
    with pytest.raises(UsageError) as refused:
        backup.restore(with_log(), place, "", request, TOLD, lambda *_: hosts)
    assert (refused.value.what, hosts.calls) == (said, [])
    request = {"to_time": "2026-11-26T08:00:00Z", "database": "shop"}
    with pytest.raises(UsageError, match="has no point-in-time recovery"):
        backup.restore(config(**DISK), place, "", request, TOLD, lambda *_: hosts)


def test_what_can_be_reached_is_shown(place: Stage, hosts: FakeFleet) -> None:
    """With what a drill has proven of it."""
    web = hosts.hosts["web-1"]
    web.backup_files = {"password": Secret("x")}
    web.do_backup({})
    web.drill({})
    assert web.backup
    known = web.backup["targets"]["disk"]
    known["point_in_time"] = [{"from": "2026-11-25T03:12:30Z", "until": "2026-11-26T08:05:11Z"}]
    ran, _ = backup.look(with_log(), place, "web-1", lambda *_: hosts)
    assert "from disk: 2026-11-25T03:12:30Z to 2026-11-26T08:05:11Z; unproven" in report.text(ran)
    reached = {"moment": "2026-11-26T05:00:04Z", "seconds": 6.2, "rows": 114, "checks": 1, "tables": 2}
    known["drilled"]["point_in_time"] = reached
    ran, _ = backup.look(with_log(), place, "web-1", lambda *_: hosts)
    assert "brought to 2026-11-26T05:00:04Z by a drill, 114 rows" in report.text(ran)
    assert shaped("backup", report.fields(ran)) == []


@pytest.mark.parametrize(
    ("made", "host", "said"),
    [(config(), "", "shop has no backups"), (config(**DISK), "web-9", "there is no host web-9")],
)
def test_what_cannot_be_is_refused(
    place: Stage, hosts: FakeFleet, made: AppConfig, host: str, said: str
) -> None:
    """Before any host is asked."""
    with pytest.raises(UsageError) as refused:
        backup.now(made, place, host, TOLD, lambda *_: hosts)
    assert (refused.value.what, hosts.calls) == (said, [])
    with pytest.raises(UsageError):
        backup.drill(config(**DISK), place, "", "moon", TOLD, lambda *_: hosts)


def test_sizes_are_for_people() -> None:
    """In the largest unit that has a whole part."""
    assert [report.size(count) for count in (0, 1023, 1024, 3 << 20, 5 << 40)] == [
        "0 B", "1023 B", "1 KiB", "3 MiB", "5.0 TiB",
    ]  # fmt: skip
