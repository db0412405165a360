"""Lock, history, hooks, notifications and the comparison of releases, on a real host."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import shapes
from tests.support.node_apps import bundle
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = pytest.mark.sandbox

CONFIG = (
    "app: shop", "health: {path: /health, timeout_seconds: 4}", "limits: {memory: 128M}",
    "release: {drain_seconds: 5, watch_seconds: 0}",
)  # fmt: skip
EXAMPLES = shapes.examples()
TIME_IS_UP = """
import json
with open("/var/lib/vpsdeploy/shop/pending.json", "r+") as file:
    fields = json.load(file)
    file.seek(0)
    json.dump({**fields, "until": 0}, file)
    file.truncate()
"""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One provisioned host with a first release."""
    path = tmp_path_factory.mktemp("audit")
    with project_on_sandbox(path, "e2e-audit", config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, "first")
        yield project


@pytest.fixture(autouse=True)
def _plain(shop: Project) -> Iterator[None]:
    """Each test begins with the plain configuration and ends without a lock."""
    configure(shop)
    yield
    shop.vpsdeploy("unlock", "--force")


def configure(project: Project, *lines: str) -> None:
    """Add lines to vpsdeploy.yml."""
    (project.path / "vpsdeploy.yml").write_text("\n".join([*CONFIG, *lines, ""]))


def release(project: Project, text: str, *options: str) -> dict[str, Any]:
    """Release an app that says `text`; the result."""
    return project.json("release", "--bundle", str(bundle(project.path, text)), *options)[-1]


def history(project: Project, lines: int = 1) -> list[dict[str, Any]]:
    """The newest changes."""
    told = project.json("history", "--lines", str(lines))[-1]
    assert shapes.differences(EXAMPLES["history"], told) == []
    changes: list[dict[str, Any]] = told["changes"]
    return changes


def test_a_persons_lock_keeps_everybody_out_until_unlock(shop: Project) -> None:
    """Also after a reboot: release says who, since when, why and what to type; status shows it."""
    locked = shop.json("lock", "--message", "database maintenance")[-1]
    assert shapes.differences(EXAMPLES["lock"], locked) == []
    refused = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "refused")))
    assert refused.returncode == 9, refused.stderr
    assert "error: the app is locked on web-1" in refused.stderr
    assert f"{locked['by']} holds the lock since" in refused.stderr
    assert "database maintenance" in refused.stderr
    assert "vpsdeploy unlock --stage e2e-audit, if you are" in refused.stderr
    assert "nothing was flipped" in refused.stderr
    assert "until vpsdeploy unlock" in shop.vpsdeploy("status").stdout
    ended = shop.json("unlock")[-1]
    assert shapes.differences(EXAMPLES["unlock"], ended) == []
    assert ended["hosts"][0]["was"]["message"] == "database maintenance"
    assert [change["command"] for change in history(shop, 2)] == ["unlock", "lock"]
    release(shop, "after-unlock")


def test_a_release_waits_for_its_turn(shop: Project) -> None:
    """It tells who holds the lock, and goes on once that one has ended; one that gives up says how long it was."""
    shop.json("lock", "--message", "a minute")
    command = [str(VPSDEPLOY), "release", "--wait", "120", "--bundle", str(bundle(shop.path, "waited"))]
    waiting = subprocess.Popen(
        command, cwd=shop.path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    gave_up = shop.vpsdeploy("rollback", "--wait", "2")
    assert gave_up.returncode == 9, gave_up.stderr
    assert "waited 2 s for it" in gave_up.stderr
    shop.json("unlock")
    _, told = waiting.communicate(timeout=TIMEOUT_SECONDS)
    assert waiting.returncode == 0, told
    assert "waiting up to" in told
    assert "a minute" in told


def test_the_history_tells_a_release_with_its_figures(shop: Project) -> None:
    """One entry a change: who, from, to, result, seconds, and what the probe saw."""
    before = shop.json("status")[-1]["live"]
    changed = release(shop, "told")
    (entry,) = history(shop)
    assert (entry["command"], entry["result"]) == ("release", "live")
    assert (entry["from"], entry["to"]) == (before, changed["release"])
    assert entry["proof"]["requests"] == changed["proof"]["requests"] > 0
    assert {line["verb"] for line in entry["lines"]} >= {"start", "flip", "confirm", "release"}


def test_the_history_tells_failures_and_the_returns_of_timers(shop: Project) -> None:
    """A bad release; and one whose controller was killed after the flip, which the host itself took back."""
    failed = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "bad", "answers 503")))
    assert failed.returncode == 8
    (entry,) = history(shop)
    assert (entry["result"], entry["error"]["what"]) == ("failed", "health check failed")
    hang = "hooks: {after_flip: [{run: sleep 60, timeout_seconds: 1}]}"
    configure(shop, hang)
    returned = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "returned")))
    assert returned.returncode == 8, returned.stderr
    assert history(shop)[0]["result"] == "returned"


def test_a_killed_release_is_told_by_its_host(shop: Project) -> None:
    """Nobody told its end: it is read from what the host did."""
    configure(shop, "hooks: {after_flip: [{run: sleep 60, timeout_seconds: 90}]}")
    command = [str(VPSDEPLOY), "release", "--bundle", str(bundle(shop.path, "killed"))]
    process = subprocess.Popen(command, cwd=shop.path)
    until(lambda: shop.json("status")[-1]["settled"] is False)
    process.kill()
    process.wait()
    shop.on("web-1", "python3", "-c", TIME_IS_UP)
    shop.on("web-1", "systemctl", "start", "vpsdeploy-return-shop.service")
    until(lambda: shop.json("status")[-1]["settled"])
    (entry,) = history(shop)
    assert (entry["command"], entry["result"]) == ("flip", "returned")
    assert entry["lines"][-1]["by"].startswith("timer of ")
    configure(shop)
    release(shop, "after-killed")


def test_a_comparison_shows_no_secret(shop: Project) -> None:
    """Settings with their values, env by name, files by digest."""
    configure(shop, "env: {GREETING: hello, PASSWORD: hunter2}")
    before = release(shop, "compared-a")["release"]
    configure(shop, "env: {GREETING: hello, PASSWORD: hunter3}", "instances: 1")
    after = release(shop, "compared-b")["release"]
    found = shop.json("releases", "diff", before)[-1]
    assert shapes.differences(EXAMPLES["releases_diff"], found) == []
    assert (found["a"]["release"], found["b"]["release"]) == (before, after)
    assert found["settings"] == [{"name": "instances", "a": 2, "b": 1}]
    assert [one["name"] for one in found["env"]] == ["PASSWORD"]
    assert [one["path"] for one in found["files"]["first"]] == ["dist/main.js"]
    shown = shop.vpsdeploy("releases", "diff", before, after).stdout
    assert "~ PASSWORD: differs" in shown
    assert "hunter" not in shown + str(found)
    assert shop.vpsdeploy("releases", "diff", "1999").returncode == 2


HOOKS = """
hooks:
  before_start:
    - {run: 'echo "$VPSDEPLOY_PHASE of $VPSDEPLOY_RELEASE in $PWD as $(id -un) with $GREETING"; touch x', where: app}
  after_gate:
    - echo "$VPSDEPLOY_PHASE on $VPSDEPLOY_STAGE before $VPSDEPLOY_PREVIOUS" > hook.txt
env: {GREETING: hello}
"""


def test_hooks_run_in_the_project_and_in_the_app_s_sandbox(shop: Project) -> None:
    """The latter as the app's user, with its env, in the new release, which it cannot write to."""
    before = shop.json("status")[-1]["live"]
    configure(shop, HOOKS)
    failed = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "hook-denied")))
    assert failed.returncode == 8
    assert "Read-only file system" in failed.stderr or "Permission denied" in failed.stderr
    assert f"live is {before} on all hosts; nothing was flipped" in failed.stderr
    configure(shop, HOOKS.replace("; touch x", ""))
    done = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "hooked")))
    assert done.returncode == 0, done.stderr
    release = shop.json("status")[-1]["live"]
    place = f"/srv/shop/releases/{release}/app"
    assert f"  before_start | before_start of {release} in {place} as shop with hello\n" in done.stderr
    assert (shop.path / "hook.txt").read_text() == f"after_gate on e2e-audit before {before}\n"
    planned = shop.vpsdeploy("release", "--dry-run", "--bundle", str(shop.path / "hooked.bundle")).stdout
    assert "on this machine" in planned


def test_a_hook_of_the_app_that_hangs_is_ended_with_all_that_it_started(shop: Project) -> None:
    """In time, by systemd; the release ends as one whose hook failed."""
    hang = "hooks: {after_gate: [{run: 'setsid -f sleep 987; echo begun; sleep 987', where: app, timeout_seconds: 2}]}"
    configure(shop, hang)
    failed = shop.vpsdeploy("release", "--bundle", str(bundle(shop.path, "hook-hangs")))
    assert failed.returncode == 8
    assert "it did not end within 2 s and was ended; its last lines:\n       begun" in failed.stderr
    assert "987" not in shop.on("web-1", "ps", "-eo", "args")
    assert (
        shop.vpsdeploy("release", "--no-hooks", "--bundle", str(shop.path / "hook-hangs.bundle")).returncode
        == 0
    )


def test_a_receiver_learns_what_the_history_says(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start and success of one change; the secret URL is in no output; without its variable there is one warning."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    configure(shop, "notify: [{type: webhook, url_env: E2E_AUDIT_URL}]")
    with receiver() as (url, got):
        monkeypatch.setenv("E2E_AUDIT_URL", f"{url}/hunter2")
        done = shop.vpsdeploy("release", "--verbose", "--bundle", str(bundle(shop.path, "notified")))
        assert done.returncode == 0, done.stderr
    assert [message["on"] for message in got] == ["start", "success"]
    assert [shapes.differences(EXAMPLES["notification"], message) for message in got] == [[], []]
    assert {message["change"] for message in got} == {history(shop)[0]["change"]}
    assert "hunter2" not in done.stdout + done.stderr
    monkeypatch.delenv("E2E_AUDIT_URL")
    done = shop.vpsdeploy("rollback")
    assert done.returncode == 0
    assert "warning: notify[0] (webhook) was not told: the environment has no E2E_AUDIT_URL" in done.stderr


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server on this machine that keeps what it is sent."""
    got: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        """Takes everything."""

        def do_POST(self) -> None:
            """Keep it."""
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()


def test_a_release_whose_lock_is_ended_stops_and_the_next_one_repairs(shop: Project) -> None:
    """At its next step, with the flip undone by the host's timer or the next command; the history tells who did it."""
    before = shop.json("status")[-1]["live"]
    configure(
        shop, "hooks: {after_flip: [{run: 'until [ -e go ]; do sleep 0.1; done', timeout_seconds: 300}]}"
    )
    command = [str(VPSDEPLOY), "release", "--bundle", str(bundle(shop.path, "robbed"))]
    process = subprocess.Popen(command, cwd=shop.path, stderr=subprocess.PIPE, text=True)
    until(lambda: shop.json("status")[-1]["settled"] is False)
    held = shop.vpsdeploy("unlock")
    assert held.returncode == 9
    assert "vpsdeploy unlock --stage e2e-audit --force" in held.stderr
    assert shop.vpsdeploy("unlock", "--force").returncode == 0
    (shop.path / "go").touch()
    _, said = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 9, said
    assert "the lock is not held" in said
    configure(shop)
    release(shop, "after-robbed")
    robbed = next(
        change
        for change in history(shop, 9)
        if "flip" in {line["verb"] for line in change["lines"]} and change["result"] == "returned"
    )
    assert robbed["command"] == "flip"
    assert before != shop.json("status")[-1]["live"]
