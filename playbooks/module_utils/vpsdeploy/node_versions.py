"""Which Node a request means: pure, without network or disk."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

Version = tuple[int, int, int]

_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_REQUEST = re.compile(r"v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?")


class NodeError(Exception):
    """A Node that was asked for cannot be had; the text says why and what to do."""


def parse(text: str) -> Version | None:
    """A released version; None for prereleases and anything else."""
    match = _RELEASE.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def lts_line(schedule: dict[str, dict[str, str]], today: datetime.date) -> int:
    """The newest line that is in long-term support today.

    A line without an `lts` key is never promoted (25) or has no date yet, and even numbers mean nothing (27 and every
    line after it becomes LTS): only the dates decide.

    Source: nodejs/Release, schedule.json.
    Raises: NodeError: the schedule is so old that every line of it has ended.
    """
    day = today.isoformat()
    lines = [
        int(name.lstrip("v"))
        for name, dates in schedule.items()
        if dates.get("lts", "9999") <= day < dates["end"]
    ]
    if not lines:
        raise NodeError(
            f"the schedule of Node's lines knows none that is in LTS on {day}: refresh it, or set `node: 26`"
        )
    return max(lines)


def ended(line: int, schedule: dict[str, dict[str, str]], today: datetime.date) -> str:
    """The day of a line's end of life where that is past; empty for a line that lives, or that nobody knows."""
    day = schedule.get(f"v{line}", {}).get("end", "")
    return day if day and day <= today.isoformat() else ""


def wanted(request: str, schedule: dict[str, dict[str, str]], today: datetime.date) -> tuple[int, ...]:
    """The part of a version that a request fixes: (24,), (24, 21) or (24, 21, 0).

    Raises: NodeError: the request is none of the forms.
    """
    text = request.strip().lower()
    if text in ("lts", "lts/*"):
        return (lts_line(schedule, today),)
    match = _REQUEST.fullmatch(text)
    if not match:
        raise NodeError(f"node: {request!r} is no version; write lts, 24, 24.21 or 24.21.0")
    numbers = [part for part in match.groups() if part not in (None, "x")]
    return tuple(int(part) for part in numbers)


def newest(prefix: tuple[int, ...], versions: Iterable[str]) -> Version | None:
    """The newest release that begins with the prefix, compared as numbers."""
    releases = (parse(text) for text in versions)
    return max(
        (release for release in releases if release and release[: len(prefix)] == prefix), default=None
    )


def text(version: Version) -> str:
    """Written out, as 24.21.0."""
    return ".".join(str(part) for part in version)
