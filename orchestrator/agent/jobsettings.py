"""The workers and cron entries of a release's settings, checked: they end up in unit files, read by systemd as root."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from orchestrator.agent import envfile
from orchestrator.agent.failures import UsageError
from orchestrator.agent.paths import checked
from orchestrator.agent.request import JOB

_ENTRY = re.compile(r"[A-Za-z0-9._@+][A-Za-z0-9._@+/-]*")
_EVENT = re.compile(r"[A-Za-z0-9*,./:+_ -]{5,4000}")
_MEMORY = re.compile(r"[1-9]\d{0,14}[KMGT]?")
_CPU = re.compile(r"[1-9]\d{0,5}%")
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MOST_WORDS = 256
RESERVED = ("PORT", "VPSDEPLOY_RELEASE", "VPSDEPLOY_REVISION")
"""Names that the agent sets itself: an app cannot set them."""


class Process(NamedTuple):
    """What one process of a job is. Either `entry` or `command` is set; no memory and no cpu: no limit."""

    entry: str
    command: tuple[str, ...]
    env: dict[str, str]
    memory_bytes: int | None
    cpu: str | None


class Worker(NamedTuple):
    """A process that runs all the time; of an exclusive one only one may run in the whole fleet."""

    process: Process
    exclusive: bool
    stop_timeout_seconds: int


class Entry(NamedTuple):
    """A command that runs at certain times; `events` as systemd writes them, `schedule` as people did."""

    process: Process
    events: tuple[str, ...]
    schedule: str
    timezone: str
    timeout_seconds: int
    catch_up: bool


Job = TypeVar("Job")


def workers(raw: Any) -> dict[str, Worker]:
    """The checked `workers` of settings, by name."""
    return _named("workers", raw, _worker)


def entries(raw: Any) -> dict[str, Entry]:
    """The checked `cron` of settings, by name."""
    return _named("cron", raw, _entry)


def env(at: str, raw: Any) -> dict[str, str]:
    """Variables that systemd hands over as they are, none of them one of ours."""
    if not isinstance(raw, dict):
        raise wrong(at, raw)
    for name, value in raw.items():
        if name in RESERVED:
            raise UsageError("the settings are wrong", why=f"{at} sets {name}, which vpsdeploy sets itself")
        envfile.check(name, value)
    return dict(raw)


def memory_bytes(at: str, value: Any) -> int | None:
    """A size such as "512M"; None where there is no limit."""
    text = match(at, value, _MEMORY)
    unit = (text or "").lstrip("0123456789")
    return int(text.removesuffix(unit)) * _SIZES[unit] if text else None


def cpu(at: str, value: Any) -> str | None:
    """A share of the processors such as "150%"; None where there is no limit."""
    return match(at, value, _CPU)


def entry(at: str, value: Any) -> str:
    """A file of the release that Node starts."""
    return checked(required(at, value, _ENTRY))


def required(at: str, value: Any, pattern: re.Pattern[str]) -> str:
    """A text of a pattern, which must be there."""
    found = match(at, value, pattern)
    if found is None:
        raise wrong(at, value)
    return found


def match(at: str, value: Any, pattern: re.Pattern[str]) -> str | None:
    """A text of a pattern, or None."""
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise wrong(at, value)
    return value


def count(at: str, value: Any, least: int, most: int) -> int:
    """A whole number within limits."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise wrong(at, value)
    return value


def wrong(at: str, value: Any) -> UsageError:
    """The error that names a setting and what was seen."""
    return UsageError("the settings are wrong", why=f"{at} is {str(value)[:100]!r}")


def _named(kind: str, raw: Any, parse: Callable[[str, dict[str, Any]], Job]) -> dict[str, Job]:
    if not isinstance(raw or {}, dict):
        raise wrong(kind, raw)
    found = {}
    for name, fields in (raw or {}).items():
        if not JOB.fullmatch(str(name)) or not isinstance(fields, dict):
            raise wrong(f"{kind}.{str(name)[:40]}", fields)
        found[name] = parse(f"{kind}.{name}", fields)
    return found


def _worker(at: str, raw: dict[str, Any]) -> Worker:
    seconds = count(f"{at}.stop_timeout_seconds", raw.get("stop_timeout_seconds", 60), 1, 3600)
    return Worker(_process(at, raw), raw.get("exclusive") is True, seconds)


def _entry(at: str, raw: dict[str, Any]) -> Entry:
    events = raw.get("events")
    if not isinstance(events, list) or not 1 <= len(events) <= 10:
        raise wrong(f"{at}.events", events)
    for event in events:
        if not isinstance(event, str) or not _EVENT.fullmatch(event):
            raise wrong(f"{at}.events", event)
    return Entry(
        _process(at, raw), tuple(events), str(raw.get("schedule", ""))[:200], str(raw.get("timezone", ""))[:64],
        count(f"{at}.timeout_seconds", raw.get("timeout_seconds", 3600), 1, 86400), raw.get("catch_up") is True,
    )  # fmt: skip


def _process(at: str, raw: dict[str, Any]) -> Process:
    command, limits = raw.get("command"), raw.get("limits") or {}
    if (command is None) == (raw.get("entry") is None):
        raise UsageError("the settings are wrong", why=f"{at} needs either entry or command")
    return Process(
        entry="" if command is not None else entry(f"{at}.entry", raw.get("entry")),
        command=() if command is None else _words(f"{at}.command", command),
        env=env(f"{at}.env", raw.get("env") or {}),
        memory_bytes=memory_bytes(f"{at}.limits.memory", limits.get("memory")),
        cpu=cpu(f"{at}.limits.cpu", limits.get("cpu")),
    )


def _words(at: str, raw: Any) -> tuple[str, ...]:
    """Words that a line of a unit file can hold."""
    if not isinstance(raw, list) or not 1 <= len(raw) <= _MOST_WORDS:
        raise wrong(at, raw)
    for word in raw:
        if not isinstance(word, str) or len(word) > 4000 or any(ord(c) < 32 or ord(c) == 127 for c in word):
            raise wrong(at, word)
        envfile.check("WORD", word)  # lone surrogates: no file could hold them
    return tuple(raw)
