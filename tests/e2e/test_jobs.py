"""Workers and cron entries on a fleet of two: what no release, rollback, kill or reboot may break."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.node_apps import bundle
from tests.support.vps import VPSDEPLOY, Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

CONFIG = """app: shop
instances: 1
shared: [work]
limits: {memory: 128M}
release: {drain_seconds: 5}
env: {GREETING: hello}
workers:
  single: {entry: dist/worker.js, concurrency: 1, stop_timeout_seconds: 20, env: {JOB_MS: 2500}}
  many: {command: [node, dist/worker.js, many], instances: 2}
cron:
  tick: {schedule: "*/5 * * * * *", entry: dist/tick.js}
  fails: {schedule: "@yearly", command: [sh, -c, 'echo "$GREETING from ${0}" %i; exit 3', "a$$b"]}
  quick: {schedule: "@yearly", command: ["true"]}
"""
BUCKET_SECONDS = 5
WORKER = """
const fs = require('node:fs');
const say = (...words) => fs.appendFileSync(`work/${process.argv[2] || 'single'}.log`,
  [Date.now(), process.pid, 'TEXT', ...words].join(' ') + '\\n');
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });
say('start');
CRASH
const job = () => {
  say('begin');
  setTimeout(() => {
    say('end');
    if (stopping) { say('stop'); process.exit(0); }
    job();
  }, Number(process.env.JOB_MS || 200));
};
job();
"""
TICK = """
const words = [Date.now(), 'TEXT', process.env.VPSDEPLOY_RELEASE, process.cwd()];
require('node:fs').appendFileSync('work/tick.log', words.join(' ') + '\\n');
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


def app_bundle(project: Project, text: str, crash: str = "") -> str:
    """A bundle file whose worker and cron entry write `text` into shared files."""
    worker = WORKER.replace("TEXT", text).replace("CRASH", crash)
    more = {"dist/worker.js": worker, "dist/tick.js": TICK.replace("TEXT", text)}
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


def log(project: Project, name: str, host: str = "web-1") -> list[list[str]]:
    """The words of each line that jobs of every release wrote on a host."""
    text = project.on(host, "sh", "-c", f"cat /srv/shop/shared/work/{name}.log 2>/dev/null || true")
    return [line.split() for line in text.splitlines()]


def assert_one_at_a_time(project: Project) -> None:
    """No process of `single` began before the one before it had stopped, and none lost the job in hand."""
    words = sorted(log(project, "single") + log(project, "single", "web-2"), key=lambda line: int(line[0]))
    running: set[str] = set()
    for _, pid, text, what in words:
        if what == "start":
            assert not running, f"{text} started beside {running}"
            running.add(f"{pid} {text}")
        if what == "stop":
            running.remove(f"{pid} {text}")


def buckets(project: Project) -> list[int]:
    """The tick that each run of `tick` belongs to, over both hosts."""
    lines = log(project, "tick") + log(project, "tick", "web-2")
    return sorted(int(line[0]) // (BUCKET_SECONDS * 1000) for line in lines)


def assert_each_tick_once(project: Project, since: int) -> None:
    """From a tick on until now, none came twice and none is lacking."""
    seen = [one for one in buckets(project) if one >= since]
    assert seen == list(range(since, seen[-1] + 1))


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def begin(project: Project, text: str, step: str) -> subprocess.Popen[bytes]:
    """A release that has just begun a step."""
    command = [VPSDEPLOY, "release", "--json", "--bundle", app_bundle(project, text)]
    process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event.get("state") == "started" and event["n"] and event["title"].startswith(step):
            return process
    raise AssertionError(f"the release ended before {step}")


def test_each_job_runs_where_it_belongs(shop: Project) -> None:
    """`concurrency: 1` and cron entries on the first host, other workers on each; all in the app's sandbox."""
    assert [(one["host"], one["state"]) for one in processes(shop, "single")] == [("web-1", "active")]
    assert [one["host"] for one in processes(shop, "many")] == ["web-1", "web-1", "web-2", "web-2"]
    assert entry(shop, "tick")["host"] == "web-1"
    unit = processes(shop, "single")[0]["unit"]
    shown = shop.on("web-1", "systemctl", "show", unit, "--property=User,Slice,ProtectSystem,NoNewPrivileges")
    assert set(shown.split()) == {
        "User=shop",
        "Slice=shop.slice",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
    }
    score = shop.on(
        "web-1", "systemd-analyze", "security", "--threshold=13", "--no-pager", unit, "shop-cron-tick.service"
    )
    assert "Overall exposure level" in score


def test_a_release_waits_for_the_job_in_hand_and_loses_no_tick(shop: Project) -> None:
    """The old worker ends its job before the new one starts; the cron entry comes once a tick, with either release."""
    eventually(lambda: bool(buckets(shop)))
    first = buckets(shop)[-1]
    changed = release(shop, "second")
    eventually(lambda: log(shop, "tick")[-1][1] == "second")
    assert_one_at_a_time(shop)
    assert [line[2:] for line in log(shop, "single") if line[3] in ("start", "stop")] == [
        ["first", "start"], ["first", "stop"], ["second", "start"],
    ]  # fmt: skip
    assert_each_tick_once(shop, first)
    assert log(shop, "tick")[-1][2] == changed["release"]
    assert {one["release"] for one in processes(shop, "many") if one["wanted"]} == {changed["release"]}
    eventually(lambda: len(processes(shop, "many")) == 4)
