"""Units of workers and cron entries, and calendar events, before systemd itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.agent import jobunits, settings
from orchestrator.agent.layout import Layout
from orchestrator.config import AppConfig, schedule
from orchestrator.config.jobs import CronConfig, WorkerConfig
from orchestrator.plan import settings as plan_settings
from tests.support import roles
from tests.templates.conftest import Judge

RELEASE = "20261122000001-aaaaaaaa"
CONFIG = AppConfig(
    app="my-shop",
    workers={
        "mailer": WorkerConfig(entry="dist/worker.js", concurrency=1),
        "odd": WorkerConfig(command=("node", 'a"b', "$HOME", "%i", "back\\slash", "-x", ";")),
    },
    cron={
        "nightly": CronConfig(
            schedule="0 0 1 * MON", command=("sh", "-c", "exit 0"), timezone="Europe/Berlin"
        )
    },
)
SCHEDULES = (
    "0 3 * * *", "*/5 * * * *", "* * * * * *", "*/7 * * * * *", "@weekly", "15 10 ? * MON-FRI",
    "0 9-17/2 1,15 jan,MAR *", "0 0 * * 7", "0 0 1 * MON", "0 0 */2 * MON", "30 4 29 2 *", "1-59/29 * * * *",
    "1,30,31 0 13 * FRI",
)  # fmt: skip


@pytest.fixture(name="units")
def _units(tmp_path: Path) -> Path:
    """The units of a release, in a directory."""
    layout = Layout(tmp_path / "host")
    app = layout.app("my-shop")
    layout.units.mkdir(parents=True)
    unit = roles.render("app", "etc/systemd/system/app@.service.j2", app_name="my-shop")
    app.unit_file.write_text(unit)
    values = settings.parse(plan_settings.of(CONFIG, "dist/main.js", "24.21.0"))
    place = tmp_path / "units"
    place.mkdir()
    texts = {
        app.cron_unit("nightly"): jobunits.cron(app, RELEASE, values, "nightly"),
        app.cron_unit("nightly", "timer"): jobunits.timer(app, values, "nightly"),
        "my-shop-cron-ran@nightly.service": jobunits.ran(app),
        **{
            app.worker_unit(name, RELEASE, 1): jobunits.worker(app, RELEASE, values, name)
            for name in values.workers
        },
    }
    for name, text in texts.items():
        (place / name).write_text(text)
    return place


def test_units_are_accepted_by_systemd(units: Path, judge: Judge) -> None:
    """No unknown key, no wrong value; programs that only exist on the host are stood in for."""
    for file in units.iterdir():
        file.write_text(
            re.sub(r"^ExecStart=/(srv|usr/local)\S+", "ExecStart=/bin/true", file.read_text(), flags=re.M)
        )
    for file in units.iterdir():
        said = judge("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file))
        assert file.name not in said


def test_sandboxes_score_1_3_or_better(units: Path, judge: Judge) -> None:
    """As the app's own: a job is no way around it."""
    for file in units.glob("*.service"):
        if "ran@" not in file.name:
            judge("systemd-analyze", "security", "--offline=yes", "--threshold=13", "--no-pager", str(file))


@pytest.mark.parametrize("text", SCHEDULES)
def test_systemd_comes_when_cron_would(text: str, judge: Judge) -> None:
    """The next ten moments after one, counted by a clock that knows nothing of calendar events."""
    start = datetime(2027, 12, 30, 23, 58, 30, tzinfo=UTC)
    seen: set[datetime] = set()
    for event in schedule.on_calendar(text, "UTC"):
        said = judge(
            "systemd-analyze", "calendar", "--iterations=10", f"--base-time=@{start.timestamp():.0f}", event
        )
        moments = re.findall(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", said)
        seen |= {datetime.fromisoformat(f"{moment}+00:00") for moment in moments}
    assert sorted(seen)[:10] == due(text, start, 10)


def due(text: str, start: datetime, count: int) -> list[datetime]:
    """cron's own rule (crontab(5)), moment by moment; whole days and hours that do not fit are skipped."""
    fields = schedule.NAMED.get(text, text).split()
    second, minute, hour, day, month, weekday = fields if len(fields) == 6 else ["0", *fields]
    found: list[datetime] = []
    now = start.replace(microsecond=0) + timedelta(seconds=1)
    while len(found) < count:
        in_month = fits(month, now.month, 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec")
        by_day = fits(day, now.day, 1, 31)
        by_week = fits(weekday, now.isoweekday() % 7, 0, 7, "sun mon tue wed thu fri sat", sunday=True)
        either = day[0] not in "*?" and weekday[0] not in "*?"
        if not in_month or not ((by_day or by_week) if either else (by_day and by_week)):
            now = now.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        elif not fits(hour, now.hour, 0, 23):
            now = now.replace(minute=0, second=0) + timedelta(hours=1)
        elif not fits(minute, now.minute, 0, 59):
            now = now.replace(second=0) + timedelta(minutes=1)
        else:
            if fits(second, now.second, 0, 59):
                found.append(now)
            now += timedelta(seconds=1)
    return found


def fits(field: str, value: int, least: int, most: int, words: str = "", *, sunday: bool = False) -> bool:
    """Whether a value is one of a field's."""
    for n, word in enumerate(words.split()):
        field = re.sub(word, str(n + least), field, flags=re.I)
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first, last = (least, most) if low in "*?" else (int(low), int(high or (most if step else low)))
        for candidate in {value, 7} if sunday and value == 0 else {value}:
            if first <= candidate <= last and (candidate - first) % int(step or 1) == 0:
                return True
    return False
