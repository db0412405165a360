"""cron's schedules as systemd's calendar events, and every message for what is none."""

from __future__ import annotations

import re

import pytest

from orchestrator.config import schedule


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("0 3 * * *", ["*-*-* 03:00:00"]),
        ("*/5 * * * *", ["*-*-* *:00/5:00"]),
        ("* * * * * *", ["*-*-* *:*:*"]),
        ("30 0 3 * * *", ["*-*-* 03:00:30"]),
        ("@daily", ["*-*-* 00:00:00"]),
        ("@Weekly", ["Sun *-*-* 00:00:00"]),
        ("15 10 ? * MON-FRI", ["Mon,Tue,Wed,Thu,Fri *-*-* 10:15:00"]),
        ("0 9-17/2 1,15 jan,MAR *", ["*-01,03-01,15 09,11,13,15,17:00:00"]),
        ("0 0 * * 7", ["Sun *-*-* 00:00:00"]),
        ("0 0 * * 5-7", ["Sun,Fri,Sat *-*-* 00:00:00"]),
        ("0 0 * * 1/2", ["Mon,Wed,Fri *-*-* 00:00:00"]),
        ("0 0 1 * MON", ["*-*-01 00:00:00", "Mon *-*-* 00:00:00"]),
        ("0 0 */2 * MON", ["Mon *-*-01/2 00:00:00"]),
        ("0 0 29 2 *", ["*-02-29 00:00:00"]),
        ("0 0 31 2 MON", ["*-02-31 00:00:00", "Mon *-02-* 00:00:00"]),
        ("1-59/29 * * * *", ["*-*-* *:01/29:00"]),
        ("1,30,31 * * * *", ["*-*-* *:01,30,31:00"]),
    ],
)
def test_a_schedule_is_said_as_calendar_events(text: str, events: list[str]) -> None:
    """Where both day fields restrict, either fits, as in cron: two events."""
    assert list(schedule.on_calendar(text, "UTC")) == [f"{event} UTC" for event in events]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no schedule: five fields"),
        ("0 3 * *", "is no schedule: five fields"),
        ("@dayly", 'did you mean "@daily"?'),
        ("60 * * * *", 'minute "60" is not 0 to 59'),
        ("* 24 * * *", 'hour "24" is not 0 to 23'),
        ("* * 0 * *", 'day of month "0" is not 1 to 31'),
        ("* * * 13 *", 'month "13" is not 1 to 12 or JAN to DEC'),
        ("* * * * 8", 'day of week "8" is not 0 to 7 or SUN to SAT'),
        ("* * * * XYZ", 'day of week "XYZ" is not 0 to 7'),
        ("30-10 * * * *", 'minute "30-10" is empty'),
        ("*/0 * * * *", 'minute "*/0" is empty'),
        ("*-5 * * * *", 'minute "*-5" is not understood'),
        ("? * * * *", 'minute "?" is not understood'),
        ("* * L * *", 'day of month "L" is not 1 to 31'),
        ("0 0 15W * *", 'day of month "15W" is not 1 to 31'),
        ("0 0 * * 1#2", 'day of week "1#2" is not understood; allowed are *, 5'),
        ("٣ * * * *", 'minute "٣" is not 0 to 59'),
        ("0 0 30 2 *", "never comes: none of its months has a day 30"),
        ("0 0 31 4,6,9,11 *", "never comes: none of its months has a day 31"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, message: str) -> None:
    """The field, what was seen, what is allowed."""
    with pytest.raises(ValueError, match=re.escape(message)):
        schedule.on_calendar(text, "UTC")


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3"])
def test_time_zones_are_taken(name: str) -> None:
    """Those of the IANA database."""
    assert schedule.check_timezone(name) == name


@pytest.mark.parametrize("name", ["", "Berlin", "Europe/Berln", "UTC; rm", "../etc", "UTC\n"])
def test_other_time_zones_are_refused(name: str) -> None:
    """A typo would let a job run at another hour, or never."""
    with pytest.raises(ValueError, match="is no time zone"):
        schedule.check_timezone(name)
