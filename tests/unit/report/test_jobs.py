"""What `workers`, `cron list` and `status` show: whole outputs, as people see them."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.job import Ended
from orchestrator.report import jobs, status
from tests.support.fleet import APP, FakeHost, stage

RELEASE = "20261122143000-77ab01d4"
PROCESS = {
    "unit": "x", "worker": "mailer", "number": 1, "release": RELEASE, "wanted": True, "state": "active",
    "sub_state": "running", "memory_bytes": 64 << 20, "restarts": 0, "uptime_seconds": 70.0,
}  # fmt: skip
LAST = {
    "started_at": "2026-11-22T03:00:00Z", "ended_at": "2026-11-22T03:00:12Z", "seconds": 12.1, "result": "success",
    "exit_status": 0, "release": RELEASE, "succeeded_at": "2026-11-22T03:00:12Z",
}  # fmt: skip
ENTRY = {
    "name": "nightly", "schedule": "0 3 * * *", "timezone": "UTC", "armed": True, "running": False,
    "next_at": "2026-11-23T03:00:00Z", "missed_at": None, "last": LAST,
}  # fmt: skip


def facts(processes: list[dict[str, Any]], entries: list[dict[str, Any]]) -> FleetFacts:
    """One host with some jobs."""
    one = stage("web-1")
    answer = FakeHost(one.hosts[0]).facts({})
    own = {"release": RELEASE, "workers": {}, "cron": [], "processes": processes, "entries": entries}
    return FleetFacts(one, (host.parse("web-1", APP, {**answer, "jobs": own}),))


def test_workers_are_shown_with_old_ones_that_end() -> None:
    """One line a process."""
    old = {**PROCESS, "release": "20261121000000-00000000", "wanted": False, "state": "deactivating"}
    shown = jobs.workers_text(facts([{**old, "sub_state": "stop"}, PROCESS], []))
    assert shown == (
        "host   worker    release                  state                              memory  uptime      restarts\n"
        "web-1  mailer 1  20261121000000-00000000  deactivating (stop, ends its job)  64 MiB  1 min 10 s  0\n"
        "web-1  mailer 1  20261122143000-77ab01d4  active (running)                   64 MiB  1 min 10 s  0"
    )


def test_entries_are_shown_with_their_last_run() -> None:
    """Before the first one there is none."""
    shown = jobs.cron_text(facts([], [ENTRY, {**ENTRY, "name": "new", "last": None, "running": True}]))
    assert shown == (
        "host   entry    schedule       next                  last start            took  last result\n"
        "web-1  nightly  0 3 * * * UTC  2026-11-23T03:00:00Z  2026-11-22T03:00:00Z  12 s  success\n"
        "web-1  new      0 3 * * * UTC  2026-11-23T03:00:00Z  -                     -     running"
    )


def test_without_jobs_there_is_little_to_show() -> None:
    """Nor does `status` say anything of them."""
    assert jobs.workers_text(facts([], [])) == "no worker runs"
    assert jobs.cron_text(facts([], [])) == "no cron entry is there"
    assert "worker" not in status.text(APP, "http://x/", facts([], []))


@pytest.mark.parametrize(
    ("processes", "entries", "trouble"),
    [
        ([{**PROCESS, "state": "failed", "sub_state": "failed"}], [], "worker mailer 1 does not run (failed, failed)"),
        (
            [{**PROCESS, "state": "activating", "sub_state": "auto-restart"}], [],
            "worker mailer 1 does not run (activating, auto-restart)",
        ),
        ([], [{**ENTRY, "armed": False}], "cron entry nightly has a timer that does not run"),
        (
            [], [{**ENTRY, "missed_at": "2026-11-22T03:00:00Z"}],
            "cron entry nightly missed its run at 2026-11-22T03:00:00Z",
        ),
        (
            [], [{**ENTRY, "last": {**LAST, "result": "exit-code", "exit_status": 3}}],
            "cron entry nightly failed (exit-code, exit status 3) at 2026-11-22T03:00:12Z",
        ),
    ],
)  # fmt: skip
def test_status_begins_with_what_is_wrong(
    processes: list[dict[str, Any]], entries: list[dict[str, Any]], trouble: str
) -> None:
    """So does each list, and programs get the same sentence."""
    found = facts(processes, entries)
    assert status.text(APP, "http://x/", found).splitlines()[0] == f"warning: {trouble} on web-1"
    assert jobs.cron_text(found).splitlines()[0] == f"warning: {trouble} on web-1"
    assert jobs.cron_fields(found)["troubles"] == [f"{trouble} on web-1"]


def test_an_old_process_that_ends_is_no_trouble() -> None:
    """It should not run any more."""
    assert jobs.troubles(facts([{**PROCESS, "wanted": False, "state": "failed"}], [])) == []


def test_a_run_is_told_with_how_it_ended() -> None:
    """`ok` is the run's, not the command's."""
    good = Ended("nightly", "web-1", RELEASE, "success", 0, 1.25)
    bad = Ended("nightly", "web-1", RELEASE, "timeout", 124, 60.0)
    assert jobs.run_text(good) == f"nightly on web-1 ended well after 1.2 s, with release {RELEASE}"
    assert "failed (timeout, exit status 124) after 60.0 s" in jobs.run_text(bad)
    assert (jobs.run_fields(good)["ok"], jobs.run_fields(bad)["ok"]) == (True, False)
