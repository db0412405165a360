"""What hosts are told about their backups."""

from __future__ import annotations

from orchestrator.config.app import AppConfig
from orchestrator.plan import backup
from tests.unit.config.test_backup import KEY

TARGETS = {
    "disk": "/mnt/backups/",
    "box": {"url": "sftp://u1@host.example:23/shop", "host_key": KEY},
    "far": {"url": "sftp://u1@host.example//srv/shop", "host_key": KEY},
    "cloud": "s3://s3.example.com/my-bucket/shop",
}
CONFIG = AppConfig.model_validate(
    {"app": "shop", "backup": {"targets": TARGETS, "timezone": "Europe/Berlin"}}
)


def test_targets_are_told_as_restic_takes_them() -> None:
    """A path of SFTP is one in the user's home, and an absolute one with two slashes."""
    told = backup.settings(CONFIG)["targets"]
    assert told["disk"] == {"kind": "local", "base": "/mnt/backups"}
    login = {"kind": "sftp", "user": "u1", "host": "host.example"}
    assert told["box"] == {**login, "port": 23, "base": "sftp:u1@host.example:shop"}
    assert told["far"] == {**login, "port": 22, "base": "sftp:u1@host.example:/srv/shop"}
    assert told["cloud"] == {"kind": "s3", "base": "s3:https://s3.example.com/my-bucket/shop"}


def test_schedules_are_told_as_systemd_takes_them() -> None:
    """In their time zone."""
    told = backup.settings(CONFIG)
    assert told["events"] == ["*-*-* 03:00:00 Europe/Berlin"]
    assert told["drill_events"] == ["Sun *-*-* 05:00:00 Europe/Berlin"]
    assert told["jitter_seconds"] == 1800


def test_an_sftp_target_is_known_by_its_key_alone() -> None:
    """As known_hosts writes a port."""
    box, far = (CONFIG.backup.targets[name] for name in ("box", "far"))
    assert backup.known_host(box) == f"[host.example]:23 {KEY}\n"
    assert backup.known_host(far) == f"host.example {KEY}\n"


def test_without_targets_nothing_is_set_up() -> None:
    """The same keys: a playbook knows them all."""
    off = backup.settings(AppConfig(app="shop"))
    assert (off.keys(), off["enabled"]) == (backup.settings(CONFIG).keys(), False)
