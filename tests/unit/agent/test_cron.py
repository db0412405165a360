"""Cron entries on a host: their timers, and what is known of their runs."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from orchestrator.agent import cronruns, crontab
from tests.unit.agent.conftest import Host
from tests.unit.agent.with_jobs import (
    CRON,
    FIRST,
    SECOND,
    SERVICE,
    THIRD,
    TIMER,
    WORKERS,
    jobs,
    running,
    unit,
)


def test_a_timer_whose_schedule_stays_is_never_stopped(shop: Host) -> None:
    """So no tick is lost and none comes twice; the service that it starts is the new release's."""
    jobs(shop, FIRST)
    shop.systemd.told.clear()
    jobs(shop, SECOND)
    assert not [words for words in shop.systemd.told if TIMER in words and {"stop", "start"} & set(words)]
    assert f"WorkingDirectory=/srv/shop/releases/{SECOND}/app" in unit(shop, SERVICE)


def test_another_schedule_counts_from_now_on(shop: Host) -> None:
    """What the old schedule's last run lets look due is not."""
    jobs(shop, FIRST)
    stamp = shop.app.stamp("nightly")
    os.utime(stamp, (1000, 1000))
    before = time.time()
    other = {"nightly": {**CRON["nightly"], "events": ["*-*-* 04:00:00 UTC"], "catch_up": True}}
    shop.ship(THIRD, workers=WORKERS, cron=other)
    jobs(shop, THIRD)
    assert stamp.stat().st_mtime > 1000
    assert crontab.read(shop.app, "nightly")["since"] > before
    assert "OnCalendar=*-*-* 04:00:00 UTC\n" in unit(shop, TIMER)
    assert TIMER in running(shop)


def test_a_timer_that_moves_hands_over_when_it_came_last(shop: Host) -> None:
    """The host that gets it starts from there, and shows the last run."""
    jobs(shop, FIRST)
    os.utime(shop.app.stamp("nightly"), (1000, 1000))
    left = jobs(shop, FIRST, cron=[], finish=["nightly"])
    assert left["handover"]["nightly"]["stamp"] == 1000
    assert TIMER not in running(shop)
    assert not (shop.layout.units / TIMER).exists()
    known = {"nightly": {"stamp": 2000, "run": {"ended_at": 5, "result": "success"}}}
    jobs(shop, FIRST, handover=known)
    assert shop.app.stamp("nightly").stat().st_mtime == 2000
    entry = shop.call("facts")["jobs"]["entries"][0]
    assert (entry["armed"], entry["last"]["result"]) == (True, "success")


def ran(
    shop: Host, monkeypatch: pytest.MonkeyPatch, result: str = "success", status: str = "0"
) -> dict[str, Any]:
    """The unit that notes a run's end has run."""
    shop.systemd.properties[SERVICE] = {
        "InvocationID": "one", "Result": result, "ExecMainCode": "1", "ExecMainStatus": status,
        "ExecMainStartTimestampMonotonic": "1000000", "ExecMainExitTimestampMonotonic": "3500000",
    }  # fmt: skip
    monkeypatch.setenv("MONITOR_INVOCATION_ID", "one")
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", result)
    request = {"protocol": 1, "app": "shop", "by": "cron", "name": "nightly"}
    shop.words(["ran", "--request", json.dumps(request)])
    found: dict[str, Any] = shop.call("facts")["jobs"]["entries"][0]["last"]
    return found


def test_a_run_is_noted(shop: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Well: for the list alone. Badly: in the history too, and the last success stays."""
    jobs(shop, FIRST)
    good = ran(shop, monkeypatch)
    assert (good["result"], good["exit_status"], good["seconds"], good["release"]) == (
        "success",
        0,
        2.5,
        FIRST,
    )
    lines = shop.call("history", lines=10)["lines"]
    bad = ran(shop, monkeypatch, "exit-code", "3")
    assert (bad["result"], bad["exit_status"], bad["succeeded_at"]) == ("exit-code", 3, good["succeeded_at"])
    more = shop.call("history", lines=10)["lines"]
    assert len(more) == len(lines) + 1
    assert (more[-1]["verb"], more[-1]["result"], more[-1]["figures"]["name"]) == (
        "cron",
        "exit-code",
        "nightly",
    )


def test_a_run_that_outlived_a_flip_is_noted_with_its_own_release(
    shop: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code was the old release's, whatever the unit says by now."""
    jobs(shop, FIRST)
    shop.systemd.running.add(SERVICE)
    shop.systemd.properties[SERVICE] = {"InvocationID": "one"}
    jobs(shop, SECOND)
    assert ran(shop, monkeypatch)["release"] == FIRST
    assert ran(shop, monkeypatch)["release"] == SECOND


def test_an_entry_that_did_not_come_is_missed(shop: Host) -> None:
    """Later than its schedule allows since the last run; a run that is under way is not missed."""
    jobs(shop, FIRST)
    shop.systemd.elapses = "Next elapse: Wed 2020-01-01 03:00:00 UTC"
    assert shop.call("facts")["jobs"]["entries"][0]["missed_at"] == "2020-01-01T03:00:00Z"
    shop.systemd.running.add(SERVICE)
    assert shop.call("facts")["jobs"]["entries"][0]["missed_at"] is None
    shop.systemd.running.discard(SERVICE)
    shop.systemd.elapses = "Next elapse: Wed 2100-01-06 03:00:00 UTC"
    entry = shop.call("facts")["jobs"]["entries"][0]
    assert (entry["missed_at"], entry["next_at"]) == (None, "2100-01-06T03:00:00Z")


def test_a_schedule_that_systemd_says_never_comes_is_refused(host: Host) -> None:
    """The host's own systemd is the judge."""
    host.systemd.elapses = "Next elapse: never"
    answer = host.ship(FIRST, cron=CRON)
    assert answer["why"] == "cron entry nightly never comes: 0 3 * * *"


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ({"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}, 0),
        ({"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "3"}, 3),
        ({"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "9"}, 137),
        ({"Result": "timeout", "ExecMainCode": "2", "ExecMainStatus": "15"}, 124),
        ({"Result": "resources", "ExecMainCode": "0", "ExecMainStatus": "0"}, 1),
    ],
)
def test_a_run_s_exit_status_is_what_a_shell_would_say(shown: dict[str, str], status: int) -> None:
    """Also where the run has none of its own."""
    assert cronruns.outcome(shown, {}, 1e9)["exit_status"] == status


def test_a_later_run_is_not_taken_for_the_one_that_ended() -> None:
    """An entry that comes every second may run again before its end is noted."""
    shown = {"InvocationID": "two", "Result": "success", "ExecMainStatus": "0", "ExecMainCode": "0"}
    monitor = {"MONITOR_INVOCATION_ID": "one", "MONITOR_SERVICE_RESULT": "exit-code"}
    ended = cronruns.outcome(shown, monitor, 1e9)
    assert (ended["result"], ended["exit_status"]) == ("exit-code", 1)
