"""Schedules as cron writes them, said again as systemd's calendar events. Pure.

Five fields (minute, hour, day of month, month, day of week), six with seconds in front (as @nestjs/schedule), or a
name such as @daily. As in cron, a day fits when either day field does, where both are restricted: then there are two
events. Source: crontab(5), systemd.time(7).
"""

from __future__ import annotations

import re
import zoneinfo
from typing import NamedTuple

from orchestrator.config.problems import nearest, shown

NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\d{1,2}))?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")


class _Field(NamedTuple):
    """One of the fields: its name, its least and greatest value, and the words that stand for values."""

    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


def on_calendar(text: str, timezone: str) -> tuple[str, ...]:
    """The calendar events of a schedule, each with its time zone.

    Raises: ValueError: no schedule, or one that never comes; says why.
    """
    fields = NAMED.get(text.strip().lower(), text).split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ValueError(_wrong_form(text))
    seconds, minutes, hours, days, months, weekdays = (
        _values(word, field) for word, field in zip(fields, _FIELDS, strict=True)
    )
    weekdays = {day % 7 for day in weekdays}
    _check_comes(days, months, by_weekday=_restricts(fields[3]) and _restricts(fields[5]))
    time = ":".join(_list(found, 0, most) for found, most in ((hours, 23), (minutes, 59), (seconds, 59)))
    month, day = _list(months, 1, 12), _list(days, 1, 31)
    week = ",".join(_DAYS[day] for day in sorted(weekdays)) + " " if len(weekdays) < 7 else ""
    if _restricts(fields[3]) and _restricts(fields[5]):
        return f"*-{month}-{day} {time} {timezone}", f"{week}*-{month}-* {time} {timezone}"
    return (f"{week}*-{month}-{day} {time} {timezone}",)


def check_timezone(name: str) -> str:
    """A time zone's name as it is. Where this machine has no list of them, the hosts decide.

    Raises: ValueError: no such time zone.
    """
    if name == "UTC":
        return name
    known = zoneinfo.available_timezones()
    if not _ZONE.fullmatch(name) or (known and name not in known):
        raise ValueError(f"{shown(name)} is no time zone, such as UTC or Europe/Berlin{nearest(name, known)}")
    return name


def _wrong_form(text: str) -> str:
    near = nearest(text.strip().lower(), NAMED) if text.strip().startswith("@") else ""
    return (
        f'{shown(text)} is no schedule: five fields as in cron ("0 3 * * *": minute, hour, day of month, month, '
        f"day of week), six with seconds in front, or one of {', '.join(NAMED)}{near}"
    )


def _restricts(field: str) -> bool:
    """Whether a day field picks days. As in cron, one that begins with * does not, with a step either."""
    return field[0] not in "*?"


def _check_comes(days: set[int], months: set[int], *, by_weekday: bool) -> None:
    if not by_weekday and all(min(days) > _MONTH_DAYS[month - 1] for month in months):
        raise ValueError(f"never comes: none of its months has a day {min(days)}")


def _values(text: str, field: _Field) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{field.name} {shown(part)} is not understood; allowed are *, 5, 1-5, */10, 0-30/5 and lists"
            )
        found |= _range(match, field)
    return found


def _range(match: re.Match[str], field: _Field) -> set[int]:
    first, last, step = match.groups()
    most = 6 if field.words is _DAYS else field.most  # 7 is Sunday again
    if first in ("*", "?"):
        if last or (first == "?" and not field.name.startswith("day")):
            raise ValueError(f"{field.name} {shown(match[0])} is not understood")
        low, high = field.least, most
    else:
        low = _number(first, field)
        high = _number(last, field) if last else (max(low, most) if step else low)
    if step == "0" or low > high:
        raise ValueError(f"{field.name} {shown(match[0])} is empty: it must rise, by 1 or more")
    return set(range(low, high + 1, int(step or 1)))


def _number(text: str, field: _Field) -> int:
    words = [word.lower() for word in field.words]
    value = words.index(text.lower()) + field.least if text.lower() in words else -1
    if text.isascii() and text.isdigit():
        value = int(text)
    if not field.least <= value <= field.most:
        names = f" or {field.words[0].upper()} to {field.words[-1].upper()}" if field.words else ""
        raise ValueError(f"{field.name} {shown(text)} is not {field.least} to {field.most}{names}")
    return value


def _list(values: set[int], least: int, most: int) -> str:
    """Values as systemd takes them: all, every nth, or one by one."""
    ordered = sorted(values)
    if len(ordered) == most - least + 1:
        return "*"
    step = ordered[1] - ordered[0] if len(ordered) > 2 else 0
    if step and ordered == list(range(ordered[0], most + 1, step)):
        return f"{ordered[0]:02}/{step}"
    return ",".join(f"{value:02}" for value in ordered)
