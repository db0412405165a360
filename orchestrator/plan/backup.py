"""What a host is told about its backups: pure, out of vpsdeploy.yml. Nothing secret is in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from orchestrator.config import AppConfig
from orchestrator.config.backup import BackupTarget, PointInTimeConfig
from orchestrator.config.schedule import on_calendar

_SSH_PORT = 22


def settings(config: AppConfig) -> dict[str, Any]:
    """For the playbook: the same for every host of a stage; `path` of a target is without the host's own part."""
    backup = config.backup
    if not backup.is_on:
        return {
            "enabled": False, "targets": {}, "keep": {}, "what": [], "exclude": [], "events": [], "jitter_seconds": 0,
            "drill_events": [], "checks": [], "point_in_time": {},
        }  # fmt: skip
    return {
        "enabled": True,
        "targets": {name: place(target) for name, target in backup.targets.items()},
        "keep": backup.keep.model_dump(),
        "what": list(backup.what),
        "exclude": list(backup.exclude),
        "events": list(on_calendar(backup.schedule, backup.timezone)),
        "jitter_seconds": backup.jitter_minutes * 60,
        "drill_events": list(on_calendar(backup.drill.schedule, backup.timezone)),
        "checks": [one.model_dump(exclude_none=True) for one in backup.drill.assertions],
        "point_in_time": _log(backup.point_in_time),
    }


def _log(wanted: PointInTimeConfig) -> dict[str, int]:
    """How PostgreSQL's log is sent; empty where it is not."""
    if not wanted.enabled:
        return {}
    return {"every_seconds": wanted.every_minutes * 60, "keep_days": wanted.keep_days}


def place(target: BackupTarget) -> dict[str, Any]:
    """A target as restic is told it, up to the host's own part of the path.

    As restic has it, the path of an SFTP target is one in its user's home, and with two slashes an absolute one.
    """
    if target.url.startswith("/"):
        return {"kind": "local", "base": target.url.rstrip("/")}
    parts = urlsplit(target.url)
    path = parts.path.removeprefix("/").rstrip("/")
    if parts.scheme == "s3":
        return {"kind": "s3", "base": f"s3:https://{parts.netloc}/{path}"}
    login = {"user": parts.username, "host": parts.hostname, "port": parts.port or _SSH_PORT}
    return {"kind": "sftp", "base": f"sftp:{parts.username}@{parts.hostname}:{path}", **login}


def known_host(target: BackupTarget) -> str:
    """An SFTP target's line of a known_hosts file. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
    parts = urlsplit(target.url)
    port = parts.port or _SSH_PORT
    name = parts.hostname if port == _SSH_PORT else f"[{parts.hostname}]:{port}"
    return f"{name} {target.host_key}\n"
