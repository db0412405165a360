"""What the role `backup` wrote, and the keys that the controller handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import durable
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady, UsageError

FILES, DATABASES, STATE, RELEASES = "files", "databases", "state", "releases"
"""What is backed up: shared directories, the services' data, the host's own state, what releases are made of."""

PASSWORD, SSH_KEY, KNOWN_HOSTS, PING_URL = "password", "ssh_key", "known_hosts", "ping_url"
"""Files of the app's directory of keys; of an S3 target there is <target>.s3, too."""


class Settings(NamedTuple):
    """The backups of one app on this host.

    Attributes:
        name: This host's in the inventory: what its snapshots are called after.
        stage: That the host belongs to.
        targets: By name, as the configuration says them.
        keep: How many daily, weekly, monthly snapshots are kept (count).
        what: Of files, databases, state, releases.
        exclude: Patterns below the shared directory that are left out.
        events: When a backup is due: systemd's calendar events.
        jitter_seconds: How much later it may come.
        drill_events: When a drill is due.
        checks: What a drill asks the restored database.
        point_in_time: `every_seconds` (how often PostgreSQL's log is sent away) and `keep_days`; empty: it is not.
    """

    name: str
    stage: str
    targets: dict[str, dict[str, Any]]
    keep: dict[str, int]
    what: tuple[str, ...]
    exclude: tuple[str, ...]
    events: tuple[str, ...]
    jitter_seconds: int
    drill_events: tuple[str, ...]
    checks: tuple[dict[str, Any], ...]
    point_in_time: dict[str, int]


def read(call: Call) -> Settings:
    """The settings.

    Raises: HostNotReady: no backups are set up here.
    """
    found = durable.read_json(call.app.backup_file)
    if not isinstance(found, dict):
        raise HostNotReady(
            f"no backups of {call.app.name} are set up here", why=f"{call.app.backup_file} does not exist",
            state="nothing was touched", next="set backup in vpsdeploy.yml, then vpsdeploy provision host",
        )  # fmt: skip
    found = {"point_in_time": {}, **found}  # a host whose role is older than its agent
    return Settings._make(
        tuple(found[key]) if isinstance(found[key], list) else found[key] for key in Settings._fields
    )


def chosen(call: Call, settings: Settings) -> list[str]:
    """The targets that are meant: the one that the request names, or all.

    Raises: UsageError: there is no such target.
    """
    wanted = call.request.text("target", "")
    if wanted and wanted not in settings.targets:
        raise UsageError(
            f"there is no target {wanted[:60]!r}", why=f"there is {', '.join(settings.targets)}",
            state="nothing was touched",
        )  # fmt: skip
    return [wanted] if wanted else list(settings.targets)


def key_file(call: Call, name: str) -> Path:
    """Where a key is.

    Raises: HostNotReady: the host was not given it.
    """
    path = call.app.backup_keys / name
    if not path.exists():
        raise HostNotReady(
            "the host has no keys for its backups", why=f"{path} does not exist", state="nothing was backed up",
            next="vpsdeploy backup now: it hands them over",
        )  # fmt: skip
    return path


def is_equipped(call: Call) -> bool:
    """Whether the controller has handed over what repositories are opened with."""
    return (call.app.backup_keys / PASSWORD).exists()
