"""jobs, ran, boot, prune, facts: workers and cron entries on a host that is a directory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import workers
from tests.unit.agent.conftest import BLUE, Host
from tests.unit.agent.with_jobs import CRON, FIRST, SECOND, SERVICE, THIRD, jobs, of, running, unit


def test_units_have_the_sandbox_of_the_app_and_the_release_in_full(shop: Host) -> None:
    """Nothing of the instance's own life is taken over; words pass systemd as they are."""
    assert jobs(shop, FIRST)["event"] == "result"
    assert running(shop) == of(FIRST)
    text = unit(shop, f"shop-worker-single@{FIRST}-1.service")
    assert "User=shop\nSlice=shop.slice\nProtectSystem=strict\n" in text
    assert "slots/%i" not in text
    assert f"WorkingDirectory=/srv/shop/releases/{FIRST}/app\n" in text
    assert f"ExecStart=/srv/shop/releases/{FIRST}/node/bin/node --enable-source-maps dist/main.js\n" in text
    assert "TimeoutStopSec=90\nMemoryMax=67108864\n" in text
    many = unit(shop, f"shop-worker-many@{FIRST}-2.service")
    assert r'ExecStart=/usr/bin/env -- "node" "a\"b\\c" "$$HOME %%i" "ü"' in many


def test_a_job_s_environment_is_the_app_s_and_its_own(shop: Host) -> None:
    """The same names as an instance has; only root can read the file."""
    jobs(shop, FIRST)
    file = shop.app.job_env(FIRST, "worker-many")
    assert file.stat().st_mode & 0o777 == 0o600
    names = [line.partition("=")[0] for line in file.read_text().splitlines()]
    assert names == ["NODE_ENV", "A", "PORT", "VPSDEPLOY_RELEASE", "VPSDEPLOY_REVISION", "port", "PATH"]


def test_the_old_single_worker_is_gone_before_the_new_one_starts(shop: Host) -> None:
    """Others start at once, and the old ones end in their own time."""
    jobs(shop, FIRST)
    shop.systemd.told.clear()
    assert jobs(shop, SECOND)["event"] == "result"
    assert running(shop) == of(SECOND)
    told = [" ".join(words) for words in shop.systemd.told]
    gone = next(n for n, one in enumerate(told) if "stop" in one and f"single@{FIRST}" in one)
    started = next(n for n, one in enumerate(told) if "start" in one and f"single@{SECOND}" in one)
    dismissed = next(n for n, one in enumerate(told) if "stop" in one and f"many@{FIRST}-1" in one)
    assert gone < started < dismissed
    assert f"many@{FIRST}" not in told[gone]


def test_a_worker_that_does_not_stay_up_brings_the_old_ones_back(shop: Host) -> None:
    """The error has how it ended; what ran before runs again."""
    jobs(shop, FIRST)
    crashing = {"NRestarts": "2", "ActiveState": "activating", "SubState": "auto-restart"}
    shop.systemd.properties[f"shop-worker-many@{SECOND}-1.service"] = crashing
    failed = jobs(shop, SECOND, check_seconds=0.2)
    assert failed["what"] == "a worker does not stay up"
    assert failed["state"] == f"the workers and cron entries of {FIRST} run again"
    shop.systemd.properties.clear()
    assert running(shop) == of(FIRST)
    assert json.loads(shop.app.jobs_file.read_text())["release"] == FIRST


def test_a_worker_whose_start_systemd_has_not_taken_up_is_waited_for(shop: Host) -> None:
    """Until then it looks as it did before: inactive, and never started."""
    waiting = {"ActiveState": "inactive", "SubState": "dead", "Job": "42"}
    assert not workers._ended(waiting)
    assert workers._ended({**waiting, "Job": "0"})
    assert workers._ended({"ActiveState": "inactive", "SubState": "dead"})


def test_asked_again_nothing_happens(shop: Host) -> None:
    """The first answer may have been lost."""
    jobs(shop, FIRST)
    shop.systemd.told.clear()
    assert jobs(shop, FIRST)["started"] == []
    assert not [words for words in shop.systemd.told if {"stop", "start", "daemon-reload"} & set(words)]


def test_what_was_cut_off_midway_is_made_whole(shop: Host) -> None:
    """Killed after the record, before the units: asked again, all of it runs."""
    shop.app.jobs_file.write_text(
        json.dumps({"release": FIRST, "workers": {"single": 1, "many": 2}, "cron": ["nightly"]})
    )
    assert shop.call("facts")["jobs"]["processes"] == []
    jobs(shop, FIRST)
    assert running(shop) == of(FIRST)


def test_a_boot_starts_what_is_on_record(shop: Host) -> None:
    """Also where the units were never written; what was missed meanwhile is not due."""
    jobs(shop, FIRST)
    shop.systemd.running.clear()
    os.utime(shop.app.stamp("nightly"), (1000, 1000))
    shop.words(["boot"])
    assert running(shop) == of(FIRST)
    assert shop.app.stamp("nightly").stat().st_mtime > 1000


def test_a_boot_leaves_due_what_is_to_be_made_up_for(shop: Host) -> None:
    """catch_up: the timer's stamp stays, and systemd does the rest."""
    shop.ship(THIRD, cron={"nightly": {**CRON["nightly"], "catch_up": True}})
    jobs(shop, THIRD, workers={})
    os.utime(shop.app.stamp("nightly"), (1000, 1000))
    shop.systemd.running.clear()
    shop.words(["boot"])
    assert shop.app.stamp("nightly").stat().st_mtime == 1000


def test_prune_keeps_what_a_job_runs_with(shop: Host) -> None:
    """A worker that ends its job, and a run that began with an older release."""
    jobs(shop, FIRST)
    shop.systemd.running.add(SERVICE)
    shop.systemd.properties[SERVICE] = {"InvocationID": "one"}
    jobs(shop, SECOND)
    shop.ship(THIRD)
    shop.call("start", release=THIRD, colour=BLUE)
    assert shop.call("prune", keep=1)["removed"] == []
    shop.systemd.properties[SERVICE] = {"InvocationID": "two"}
    assert shop.call("prune", keep=1)["removed"] == [FIRST]
    assert not list(shop.layout.units.glob(f"*{FIRST}*"))
    assert not shop.app.job_envs.joinpath(FIRST).exists()


def test_without_jobs_facts_ask_systemd_nothing_more(host: Host) -> None:
    """Who configures none pays for none."""
    assert host.call("facts")["jobs"] is None


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"workers": {"a": {}}}, "workers.a needs either entry or command"),
        ({"workers": {"../a": {"entry": "dist/main.js"}}}, "workers.../a is"),
        ({"workers": {"a": {"entry": "dist/no.js"}}}, "the bundle has no file dist/no.js"),
        ({"workers": {"a": {"entry": "dist/main.js; rm"}}}, "workers.a.entry is"),
        ({"workers": {"a": {"command": ["x\nExecStartPre=+/bin/sh"]}}}, "workers.a.command is"),
        ({"workers": {"a": {"command": ["x"], "env": {"PORT": "1"}}}}, "workers.a.env sets PORT"),
        ({"workers": {"a": {"command": ["x"], "env": {"A": "\x01"}}}}, "env A is no text"),
        ({"workers": {"a": {"command": ["x"], "limits": {"memory": "1\n"}}}}, "workers.a.limits.memory is"),
        ({"cron": {"a": {"command": ["x"]}}}, "cron.a.events is 'None'"),
        ({"cron": {"a": {"command": ["x"], "events": ["daily\nUnit=x"]}}}, "cron.a.events is"),
        (
            {"cron": {"a": {"command": ["x"], "events": ["*-*-* 03:00:00"], "timeout_seconds": 0}}},
            "timeout_seconds is '0'",
        ),
    ],
)
def test_settings_that_no_unit_may_hold_are_refused(host: Host, settings: dict[str, Any], why: str) -> None:
    """Before anything is touched: systemd reads these files as root."""
    answer = host.ship(FIRST, **settings)
    assert answer["kind"] == "UsageError"
    assert why in answer["why"]
    assert not host.app.release(FIRST).exists()


@pytest.mark.parametrize(
    "request_",
    [
        {"workers": {"single": 0}}, {"workers": {"single": True}}, {"workers": {"../x": 1}}, {"workers": {"none": 1}},
        {"cron": ["none"]}, {"cron": "nightly"}, {"alone": [1]}, {"handover": {"nightly": 5}},
        {"handover": {"nightly": {"stamp": "x"}}}, {"handover": {"nightly": {"run": {"since": "x"}}}},
    ],
)  # fmt: skip
def test_a_wrong_request_touches_nothing(shop: Host, request_: dict[str, Any]) -> None:
    """What runs goes on."""
    jobs(shop, FIRST)
    assert jobs(shop, SECOND, **request_)["kind"] == "UsageError"
    assert running(shop) == of(FIRST)


def test_the_summary_of_a_release_holds_nothing_of_its_environment(shop: Host) -> None:
    """Everybody on the host may read release.json."""
    summary = json.loads((shop.app.release(FIRST) / "release.json").read_text())
    assert summary["jobs"] == {
        "workers": {
            "single": {"instances": None, "exclusive": True},
            "many": {"instances": None, "exclusive": None},
        },
        "cron": {"nightly": {"host": None}},
    }


def test_other_apps_units_are_not_ours(shop: Host, tmp_path: Path) -> None:
    """An app may be called as a worker's unit begins."""
    (shop.layout.units / "shop-worker-x@4001.service").touch()
    assert workers.found(shop.app) == []
    assert tmp_path == shop.layout.root
