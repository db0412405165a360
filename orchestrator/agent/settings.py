"""A release's settings, checked: parts of them end up in unit files that systemd reads as root."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from orchestrator.agent import envfile
from orchestrator.agent.failures import UsageError
from orchestrator.agent.paths import check_tree, checked

_NODE = re.compile(r"\d+\.\d+\.\d+")
_ENTRY = re.compile(r"[A-Za-z0-9._@+][A-Za-z0-9._@+/-]*")
_MEMORY = re.compile(r"[1-9]\d{0,14}[KMGT]?")
_CPU = re.compile(r"[1-9]\d{0,5}%")
_COMMAND = re.compile(r"[^\x00-\x1f\x7f]{1,4000}")
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
RESERVED = ("PORT", "VPSDEPLOY_RELEASE", "VPSDEPLOY_REVISION")
"""Names that the agent sets itself: an app cannot set them."""


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
    migrate: Migrate | None = None


def parse(raw: Any) -> Settings:
    """Check settings.

    Raises: UsageError: naming the setting that is wrong.
    """
    if not isinstance(raw, dict):
        raise _wrong("settings", raw)
    limits = raw.get("limits") or {}
    memory = _match("limits.memory", limits.get("memory"), _MEMORY)
    shared = tuple(checked(path) for path in raw.get("shared") or ())
    check_tree(shared)
    return Settings(
        node=_required("node", raw.get("node"), _NODE),
        entry=checked(_required("entry", raw.get("entry"), _ENTRY)),
        env=_env(raw.get("env") or {}),
        instances=_count("instances", raw.get("instances"), 1, 99),
        port=_count("port", raw.get("port"), 1024, 65335),
        memory_bytes=_bytes(memory) if memory else None,
        cpu=_match("limits.cpu", limits.get("cpu"), _CPU),
        stop_timeout_seconds=_count("stop_timeout_seconds", raw.get("stop_timeout_seconds", 30), 1, 3600),
        shared=shared,
        migrate=_migrate(raw.get("migrate")),
    )


def _migrate(raw: Any) -> Migrate | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise _wrong("migrate", raw)
    irreversible = raw.get("irreversible", False)
    if not isinstance(irreversible, bool):
        raise _wrong("migrate.irreversible", irreversible)
    command = _required("migrate.command", raw.get("command"), _COMMAND)
    return Migrate(
        command, _count("migrate.timeout_seconds", raw.get("timeout_seconds"), 1, 86400), irreversible
    )


def _env(raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise _wrong("env", raw)
    for name, value in raw.items():
        if name in RESERVED:
            raise UsageError("the settings are wrong", why=f"env sets {name}, which vpsdeploy sets itself")
        envfile.check(name, value)
    return dict(raw)


def _required(name: str, value: Any, pattern: re.Pattern[str]) -> str:
    if value is None:
        raise _wrong(name, value)
    return _match(name, value, pattern) or ""


def _match(name: str, value: Any, pattern: re.Pattern[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(name, value)
    return value


def _count(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _wrong(name, value)
    return value


def _bytes(memory: str) -> int:
    unit = memory.lstrip("0123456789")
    return int(memory.removesuffix(unit)) * _SIZES[unit]


def _wrong(name: str, value: Any) -> UsageError:
    return UsageError("the settings are wrong", why=f"{name} is {str(value)[:100]!r}")
