"""What is asked before anything is touched, and how the answers are read."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable, UsageError
from orchestrator.model.fleet import Host, Stage
from orchestrator.secret import Secret
from orchestrator.transport import s3, sftp, ssh, ssh_check
from orchestrator.workflows import rebuild_checks
from orchestrator.workflows.rebuild_checks import Seen
from tests.support.fleet import APP, stage
from tests.unit.config.test_backup import KEY

ONE = stage("web-1")
KEYS = {
    "SSH_KEY": Secret("key"),
    "CLOUD_ACCESS_KEY_ID": Secret("id"),
    "CLOUD_SECRET_ACCESS_KEY": Secret("secret"),
}


def config(**targets: object) -> AppConfig:
    """With these targets."""
    return AppConfig.model_validate({"app": APP, "backup": {"targets": targets}})


def test_the_question_is_answered_by_any_shell(tmp_path: Path) -> None:
    """A directory with backups is found; an app that is not there is not."""
    place = tmp_path / "backups" / APP / "production" / "web-1" / "snapshots"
    place.mkdir(parents=True)
    (place / "6f06cbf8").touch()
    asked = rebuild_checks.question(config(disk=str(tmp_path / "backups")), ONE, ONE.hosts[0])
    done = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, check=True)
    seen = rebuild_checks.parse(f"Welcome!\n{done.stdout}")
    assert seen.snapshots == {"disk": ("6f06cbf8",)}
    assert (seen.is_ours, seen.begun) == (False, {})
    as_admin = replace(ONE.hosts[0], user="admin")
    assert rebuild_checks.question(config(disk="/mnt/x"), ONE, as_admin).startswith("sudo -n sh -c ")


def test_an_answer_is_read() -> None:
    """What an interrupted rebuild has left, too."""
    said = "\n".join(
        f"vpsdeploy-looked {line}"
        for line in ('begun {"done": ["files"]}', "ours", "there /srv/shop", "at disk aa", "at disk bb")
    )
    assert rebuild_checks.parse(said) == Seen(
        ("/srv/shop",), True, {"done": ["files"]}, {"disk": ("aa", "bb")}
    )


def test_targets_are_looked_at_as_the_host_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its way, below the lost host's name; one that cannot be seen says why."""
    asked = list[object]()

    def over_sftp(server: object, host_key: str, key: Secret, directory: str) -> tuple[str, ...]:
        asked.append((server, directory))
        return ("aa",)

    def over_s3(endpoint: str, bucket: str, prefix: str, key: tuple[str, Secret]) -> tuple[str, ...]:
        asked.append((endpoint, bucket, prefix, key[0]))
        raise OSError("answered 403 AccessDenied")

    monkeypatch.setattr(sftp, "names", over_sftp)
    monkeypatch.setattr(s3, "names", over_s3)
    targets = {
        "disk": "/mnt/x", "box": {"url": "sftp://u1@host.example:23/shop", "host_key": KEY},
        "cloud": "s3://s3.example.com/bucket/deep/er",
    }  # fmt: skip
    seen = Seen((), False, {}, {"disk": ("bb",)})
    disk, box, cloud = rebuild_checks.looked_at(config(**targets), ONE, "web-1", KEYS, seen, "")
    assert (disk.snapshots, box.snapshots, cloud.problem) == (("bb",), ("aa",), "answered 403 AccessDenied")
    below = "shop/production/web-1/snapshots"
    assert asked == [
        (("host.example", 23, "u1"), f"shop/{below}"), ("s3.example.com", "bucket", f"deep/er/{below}/", "id"),
    ]  # fmt: skip


def test_a_disk_with_backups_that_was_attached_makes_no_host_used() -> None:
    """Wherever its owner mounts it; anything beside it does."""
    mine, host = config(disk="/srv/backups/mine"), ONE.hosts[0]
    rebuild_checks.refuse_used(mine, host, Seen(("/srv/backups",), False, {}, {}), shared=False)
    with pytest.raises(UsageError, match="is not empty"):
        rebuild_checks.refuse_used(mine, host, Seen(("/srv/backups", "/srv/x"), False, {}, {}), shared=False)
    for path in (
        "/var/lib/rabbitmq/mnesia",
        "/var/lib/nats/jetstream",
        "/var/lib/kafka/data/*",
        "/var/lib/redis/appendonlydir",
    ):
        assert path in rebuild_checks.question(mine, ONE, host)


def test_other_hosts_are_asked_as_releases_ask_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as root, whom a provisioned host turns away."""
    asked = list[tuple[str, str | None]]()

    class Open:
        def close(self) -> None:
            pass

    def connect(host: Host, _: Stage, user: str | None) -> Open:
        asked.append((host.name, user))
        if host.name == "web-3":
            raise HostUnreachable("no SSH connection")
        return Open()

    monkeypatch.setattr(ssh, "connect", connect)
    with pytest.raises(HostUnreachable, match="web-3 cannot be reached either"):
        rebuild_checks.refuse_without_others(stage("web-1", "web-2", "web-3"), "web-1")
    assert sorted(asked) == [("web-2", "deploy"), ("web-3", "deploy")]


def test_an_unknown_key_leads_on_with_the_rebuild(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provisioning would go to the lost host's address."""
    hint = "compare it, then\nvpsdeploy provision host web-1 --accept-host-key SHA256:x --stage production"
    reached = ssh_check.Reached(HostUnreachable("unknown host key", next=hint), "", ONE.hosts[0])
    monkeypatch.setattr(ssh_check, "ask", lambda *_: reached)
    monkeypatch.setattr(ssh_check, "close_all", lambda *_: None)
    new = replace(ONE.hosts[0], address="10.9.9.9")
    with pytest.raises(HostUnreachable) as caught:
        rebuild_checks.ask(config(disk="/mnt/x"), ONE, new)
    assert "vpsdeploy host rebuild 10.9.9.9 --host web-1 --accept-host-key SHA256:x" in caught.value.next
