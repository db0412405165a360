"""Workers and cron entries on a fleet of two: what no release, rollback, kill or reboot may break."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.workflows import sandbox
from tests.support import shapes
from tests.support.job_logs import (
    BUCKET_SECONDS,
    TICK,
    WORKER,
    assert_each_tick_once,
    assert_none_twice,
    assert_one_at_a_time,
    buckets,
    log,
)
from tests.support.node_apps import bundle
from tests.support.selection import sample
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import begun, until

pytestmark = pytest.mark.sandbox

CONFIG = """app: shop
instances: 1
shared: [work]
limits: {memory: 128M}
release: {drain_seconds: 5, watch_seconds: 0}
env: {GREETING: hello}
workers:
  single: {entry: dist/worker.js, concurrency: 1, stop_timeout_seconds: 20, env: {JOB_MS: 1000}}
  many: {command: [node, dist/worker.js, many], instances: 2}
cron:
  tick: {schedule: "*/5 * * * * *", command: [sh, dist/tick.sh]}
  fails: {schedule: "@yearly", command: [sh, -c, 'echo "$GREETING from ${0}" %i; exit 3', "a$$b"]}
  quick: {schedule: "@yearly", entry: dist/quick.js}
  made-up-for: {schedule: "@yearly", command: ["true"], catch_up: true}
"""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two app hosts, the first of them the load balancer, with a first release that has jobs."""
    path = tmp_path_factory.mktemp("jobs")
    with project_on_sandbox(path, "e2e-jobs", hosts=2, config=CONFIG.splitlines()) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


@pytest.fixture(autouse=True)
def _configured(shop: Project) -> None:
    """Each test begins with the same vpsdeploy.yml, whatever became of the one before."""
    configure(shop)


def app_bundle(project: Project, text: str, crash: str = "") -> str:
    """A bundle file whose worker and cron entry write `text` into shared files."""
    worker = WORKER.replace("TEXT", text).replace("CRASH", crash)
    more = {"dist/worker.js": worker, "dist/tick.sh": TICK.replace("TEXT", text)}
    more["dist/quick.js"] = "process.exitCode = process.env.VPSDEPLOY_RELEASE ? 0 : 1;"
    return str(bundle(project.path, text, more=more))


def release(project: Project, text: str, *options: str) -> dict[str, Any]:
    """Release it; the result."""
    return project.json("release", "--bundle", app_bundle(project, text), *options)[-1]


def configure(project: Project, old: str = "", new: str = "") -> None:
    """Write vpsdeploy.yml, with one text in it replaced."""
    assert old in CONFIG
    (project.path / "vpsdeploy.yml").write_text(CONFIG.replace(old, new) if old else CONFIG)


def processes(project: Project, worker: str) -> list[dict[str, Any]]:
    """What `workers` shows of one."""
    found: list[dict[str, Any]] = project.json("workers")[-1]["processes"]
    return [one for one in found if one["worker"] == worker]


def entry(project: Project, name: str) -> dict[str, Any]:
    """What `cron list` shows of one entry; it is on one host only."""
    (found,) = (one for one in project.json("cron", "list")[-1]["entries"] if one["name"] == name)
    return dict(found)


def test_each_job_runs_where_it_belongs(shop: Project) -> None:
    """`concurrency: 1` and cron entries on the first host, other workers on each; all in the app's sandbox."""
    assert [(one["host"], one["state"]) for one in processes(shop, "single")] == [("web-1", "active")]
    assert [one["host"] for one in processes(shop, "many")] == ["web-1", "web-1", "web-2", "web-2"]
    assert entry(shop, "tick")["host"] == "web-1"
    unit = processes(shop, "single")[0]["unit"]
    shown = shop.on("web-1", "systemctl", "show", unit, "--property=User,Slice,ProtectSystem,NoNewPrivileges")
    assert {*shown.split()} == {
        "User=shop", "Slice=shop.slice", "ProtectSystem=strict", "NoNewPrivileges=yes",
    }  # fmt: skip
    score = shop.on(
        "web-1", "systemd-analyze", "security", "--threshold=13", "--no-pager", unit, "shop-cron-tick.service"
    )
    assert "Overall exposure level" in score


def test_what_is_printed_for_programs_is_documented(shop: Project) -> None:
    """Fields and types of docs/json.md."""
    examples = shapes.examples()
    until(lambda: entry(shop, "tick")["last"] is not None)
    for kind, arguments in (
        ("workers", ["workers"]), ("cron", ["cron", "list"]), ("cron_run", ["cron", "run", "quick"]),
        ("status", ["status"]),
    ):  # fmt: skip
        result = shop.json(*arguments)[-1]
        assert result["kind"] == kind
        assert shapes.differences(examples[kind], result) == []


def test_a_release_waits_for_the_job_in_hand_and_loses_no_tick(shop: Project) -> None:
    """The old worker ends its job before the new one starts; the cron entry comes once a tick, with either release."""
    until(lambda: bool(buckets(shop)))
    first = buckets(shop)[-1]
    changed = release(shop, "second")
    until(lambda: log(shop, "tick")[-1][1] == "second")
    until(lambda: ["second", "start"] in [line[2:] for line in log(shop, "single")])
    assert_one_at_a_time(shop)
    assert [line[2:] for line in log(shop, "single") if line[3] in ("start", "stop")] == [
        ["first", "start"], ["first", "stop"], ["second", "start"],
    ]  # fmt: skip
    assert_each_tick_once(shop, first)
    assert log(shop, "tick")[-1][2] == changed["release"]
    assert {one["release"] for one in processes(shop, "many") if one["wanted"]} == {changed["release"]}
    until(lambda: len(processes(shop, "many")) == 4)


def test_run_now_passes_output_and_exit_code(shop: Project) -> None:
    """With the app's environment and words as they were typed; a failure is shown by status until a run is good."""
    done = shop.vpsdeploy("cron", "run", "fails", "--follow")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines() == ["hello from a$$b %i"]
    assert "fails on web-1 failed (exit-code, exit status 3)" in done.stderr
    until(lambda: entry(shop, "fails")["last"] is not None)
    assert "warning: cron entry fails failed (exit-code, exit status 3)" in shop.vpsdeploy("status").stdout
    assert shop.vpsdeploy("doctor").returncode == 6
    assert "hello from" in shop.vpsdeploy("logs", "--cron", "fails").stdout
    unknown = shop.vpsdeploy("cron", "run", "fail")
    assert unknown.returncode == 2
    assert "the live release has fails, made-up-for, quick, tick" in unknown.stderr


def test_an_entry_does_not_run_twice_at_a_time(shop: Project) -> None:
    """A second run-now is refused while the first goes on."""
    configure(shop, "exit 3", 'timeout 300 sh -c "until [ -e work/enough ]; do sleep 0.1; done"')
    release(shop, "slow-entry")
    with subprocess.Popen(
        [VPSDEPLOY, "cron", "run", "fails"], cwd=shop.path, stderr=subprocess.PIPE
    ) as first:
        until(lambda: entry(shop, "fails")["running"])
        second = shop.vpsdeploy("cron", "run", "fails")
        shop.on("web-1", "touch", "/srv/shop/shared/work/enough")
        assert second.returncode == 8, second.stderr
        assert "cron entry fails is running" in second.stderr
        assert first.wait(TIMEOUT_SECONDS) == 0
    configure(shop)


def test_a_rollback_brings_the_old_schedule_back(shop: Project) -> None:
    """Workers and timers belong to the release."""
    release(shop, "before-schedule")
    first = buckets(shop)[-1]
    configure(shop, "*/5 * * * * *", "0 0 4 * * *")
    configure_and_release = release(shop, "other-schedule")
    assert entry(shop, "tick")["schedule"] == "0 0 4 * * *"
    assert entry(shop, "tick")["next_at"].endswith("T04:00:00Z")
    ran = len(buckets(shop))
    time.sleep(2 * BUCKET_SECONDS)
    assert len(buckets(shop)) == ran
    shop.json("rollback")
    assert entry(shop, "tick")["schedule"] == "*/5 * * * * *"
    until(lambda: len(buckets(shop)) > ran)
    for part in (slice(ran), slice(ran, None)):
        assert_none_twice(buckets(shop)[part])
    assert first < buckets(shop)[-1]
    assert {one["release"] for one in processes(shop, "single")} == {configure_and_release["previous"]}
    assert_one_at_a_time(shop)
    configure(shop)


def test_an_entry_that_moves_to_another_host_comes_once_a_tick(shop: Project) -> None:
    """The timer of the old host hands over when it came last."""
    release(shop, "before-move")
    until(lambda: log(shop, "tick")[-1][1] == "before-move")
    first = buckets(shop)[-1]
    configure(shop, "dist/tick.sh]}", "dist/tick.sh], host: web-2}")
    release(shop, "moved")
    assert entry(shop, "tick")["host"] == "web-2"
    until(lambda: any(line[1] == "moved" for line in log(shop, "tick", "web-2")))
    configure(shop)
    release(shop, "moved-back")
    until(lambda: log(shop, "tick")[-1][1] == "moved-back")
    assert_each_tick_once(shop, first)


def test_a_worker_that_does_not_stay_up_undoes_the_release(shop: Project) -> None:
    """Users are flipped back, the old workers run again, and the error has what the new one wrote."""
    before = release(shop, "good")["release"]
    failed = shop.vpsdeploy(
        "release", "--bundle", app_bundle(shop, "bad-worker", "throw new Error('no queue');")
    )
    assert failed.returncode == 8, failed.stderr
    assert "a worker does not stay up" in failed.stderr
    assert "no queue" in failed.stderr
    status = shop.json("status")[-1]
    assert status["live"] == before
    assert {one["release"] for one in processes(shop, "single") if one["wanted"]} == {before}
    assert {
        one["release"] for host in status["hosts"] for one in host["jobs"]["processes"] if one["wanted"]
    } == {before}
    assert entry(shop, "tick")["armed"]


@pytest.mark.parametrize("step", sample(["flip", "confirm", "change workers", "drain"], ["change workers"]))
def test_the_next_release_repairs_a_killed_one(shop: Project, step: str) -> None:
    """SIGKILL around the change over: at no time two of `single`, and in the end the one of the live release."""
    process = begun(shop, app_bundle(shop, f"killed-{step.replace(' ', '-')}"), step)
    process.kill()
    process.communicate(timeout=TIMEOUT_SECONDS)
    changed = release(shop, f"after-{step.replace(' ', '-')}")
    assert [(one["host"], one["release"]) for one in processes(shop, "single")] == [
        ("web-1", changed["release"])
    ]
    until(lambda: log(shop, "tick")[-1][2] == changed["release"])
    assert_one_at_a_time(shop)


def test_a_host_that_is_drained_hands_its_jobs_on(shop: Project) -> None:
    """What may run once ends there before it starts elsewhere, and comes back when the host joins."""
    live = release(shop, "before-drain")["release"]
    until(lambda: log(shop, "tick")[-1][2] == live)
    first = buckets(shop)[-1]
    shop.json("host", "drain", "web-1")
    assert [(one["host"], one["release"]) for one in processes(shop, "single")] == [("web-2", live)]
    assert entry(shop, "tick")["host"] == "web-2"
    until(
        lambda: (
            not shop.on(
                "web-1", "systemctl", "list-units", "--no-legend", "shop-worker-*", "shop-cron-*.timer"
            )
        )
    )
    until(lambda: log(shop, "tick", "web-2")[-1][2] == live)
    shop.json("host", "join", "web-1")
    assert [(one["host"], one["release"]) for one in processes(shop, "single")] == [("web-1", live)]
    until(lambda: int(log(shop, "tick")[-1][0]) > int(log(shop, "tick", "web-2")[-1][0]))
    assert_each_tick_once(shop, first)
    assert_one_at_a_time(shop)


def test_after_a_reboot_workers_and_timers_are_back(shop: Project) -> None:
    """As recorded, not because they were enabled. What was missed is made up for only where that is asked for."""
    live = release(shop, "before-reboot")["release"]
    before = entry(shop, "fails")["last"]
    stamps = [f"/var/lib/systemd/timers/stamp-shop-cron-{name}.timer" for name in ("made-up-for", "fails")]
    shop.on(
        "web-1", "touch", "--date=2 years ago", *stamps
    )  # as if they had been due while the host was down
    assert entry(shop, "made-up-for")["last"] is None
    sandbox.power_off(shop.name, "web-1", hard=True)
    sandbox.power_on(shop.name, "web-1")
    until(lambda: shop.vpsdeploy("status").returncode == 0)
    until(lambda: [one["state"] for one in processes(shop, "single")] == ["active"])
    assert {one["release"] for one in processes(shop, "single") + processes(shop, "many")} == {live}
    ran = len(buckets(shop))
    until(lambda: len(buckets(shop)) > ran)
    assert entry(shop, "made-up-for")["last"] is not None
    assert entry(shop, "fails")["last"] == before
    enabled = shop.on(
        "web-1", "sh", "-c", "systemctl list-unit-files --state=enabled 'shop-cron*' 'shop-worker*' | head -3"
    )
    assert "0 unit files listed" in enabled


def test_a_release_without_jobs_takes_them_away(shop: Project) -> None:
    """What vpsdeploy.yml no longer names does not run any more."""
    (shop.path / "vpsdeploy.yml").write_text(CONFIG.partition("workers:")[0])
    release(shop, "without")
    until(lambda: shop.json("workers")[-1]["processes"] == [])
    assert shop.json("cron", "list")[-1]["entries"] == []
    assert (
        shop.on("web-1", "sh", "-c", "ls /etc/systemd/system | grep -c 'shop-cron-.*timer' || true").strip()
        == "0"
    )
