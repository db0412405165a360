"""A release's settings, checked: parts of them end up in unit files that systemd reads as root."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from orchestrator.agent import jobsettings
from orchestrator.agent.jobsettings import RESERVED, count, required, wrong
from orchestrator.agent.paths import check_tree, checked
from orchestrator.agent.request import NODE

__all__ = ["RESERVED", "Settings", "parse"]

_COMMAND = re.compile(r"[^\x00-\x1f\x7f]{1,4000}")


class Migrate(NamedTuple):
    """How the release changes the database; `command` is for a shell."""

    command: str
    timeout_seconds: int
    irreversible: bool


class Settings(NamedTuple):
    """What instances of a release run with; `memory_bytes` and `cpu` are None where there is no limit."""

    node: str
    entry: str
    env: dict[str, str]
    instances: int
    port: int
    memory_bytes: int | None
    cpu: str | None
    stop_timeout_seconds: int
    shared: tuple[str, ...]
    workers: dict[str, jobsettings.Worker]
    cron: dict[str, jobsettings.Entry]
    migrate: Migrate | None = None


def parse(raw: Any) -> Settings:
    """Check settings.

    Raises: UsageError: naming the setting that is wrong.
    """
    if not isinstance(raw, dict):
        raise wrong("settings", raw)
    limits = raw.get("limits") or {}
    shared = tuple(checked(path) for path in raw.get("shared") or ())
    check_tree(shared)
    return Settings(
        node=required("node", raw.get("node"), NODE),
        entry=jobsettings.entry("entry", raw.get("entry")),
        env=jobsettings.env("env", raw.get("env") or {}),
        instances=count("instances", raw.get("instances"), 1, 99),
        port=count("port", raw.get("port"), 1024, 65336),
        memory_bytes=jobsettings.memory_bytes("limits.memory", limits.get("memory")),
        cpu=jobsettings.cpu("limits.cpu", limits.get("cpu")),
        stop_timeout_seconds=count("stop_timeout_seconds", raw.get("stop_timeout_seconds", 30), 1, 3600),
        shared=shared,
        migrate=_migrate(raw.get("migrate")),
        workers=jobsettings.workers(raw.get("workers")),
        cron=jobsettings.entries(raw.get("cron")),
    )


def _migrate(raw: Any) -> Migrate | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise wrong("migrate", raw)
    irreversible = raw.get("irreversible", False)
    if not isinstance(irreversible, bool):
        raise wrong("migrate.irreversible", irreversible)
    command = required("migrate.command", raw.get("command"), _COMMAND)
    seconds = count("migrate.timeout_seconds", raw.get("timeout_seconds"), 1, 86400)
    return Migrate(command, seconds, irreversible)
