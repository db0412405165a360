"""Hooks at work in a release: what a failing one undoes, at each phase, and who is told."""

from __future__ import annotations

import socket
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import ReleaseFailed, UsageError, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.change import Changed
from orchestrator.plan import settings
from orchestrator.plan.release import Target, idle_colour
from orchestrator.report import news as report
from orchestrator.secret import Secret
from orchestrator.transport import http, local
from orchestrator.transport.bundle_stream import FromBundle
from orchestrator.workflows import notify
from orchestrator.workflows.audience import told
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.hooks import Hooks
from orchestrator.workflows.sending import Sending
from orchestrator.workflows.story import Story
from tests.support.bundles import one_file
from tests.support.fleet import APP, FakeFleet, stage
from tests.unit.workflows.test_change_over import NEW, OLD, Silent, SilentProbe, live_fleet

TWO = stage("web-1", "web-2", balancers=["lb-1", "lb-2"])


@pytest.fixture(autouse=True)
def _no_probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(http, "Probe", SilentProbe)


class Post:
    """Stands for the network: keeps messages, and says why one was not taken."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        self.sent: list[dict[str, Any]] = []
        self.urls: list[Secret] = []

    def __call__(self, url: Secret, message: dict[str, Any]) -> str:
        """Keep it."""
        self.urls.append(url)
        self.sent.append(message)
        return self.why


def config(tmp_path: Path, **written: Any) -> AppConfig:
    """A configuration whose project is a directory of the test."""
    made = AppConfig.model_validate({"app": APP, **written})
    made._project_dir = tmp_path
    return made


def release(fleet: FakeFleet, app: AppConfig, reporter: Silent | None = None) -> Changed:
    """One release, with everybody told."""

    def decide(facts: FleetFacts) -> Target:
        return Target(
            NEW, idle_colour(facts), settings.of(app, "dist/main.js", "24.21.0"), asdict(shipped.manifest)
        )

    shipped = one_file(Path.cwd())
    reporter = reporter or Silent()
    context = Context(app, TWO, fleet, local.this_process())
    with told(context, reporter, "release") as audience:
        facts = context.facts()
        audience.started(NEW, facts)
        acts = Sending(FromBundle(shipped), context, reporter).acts
        return ChangeOver(context, reporter, facts, decide, "release", acts).run()


@pytest.mark.parametrize("where", ["app", "controller"])
@pytest.mark.parametrize("phase", ["before_start", "after_gate", "after_flip"])
def test_a_failing_hook_leaves_users_on_the_old_release(tmp_path: Path, phase: str, where: str) -> None:
    """Before the flip nothing was changed; after it every load balancer is back; the error names the hook."""
    fleet = live_fleet(TWO)
    app = config(tmp_path, hooks={phase: ({"run": "false", "where": where},)})
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, app)
    assert caught.value.step.endswith(f"{phase}: false")
    assert "false: it ended with exit code 1" in caught.value.why
    assert caught.value.next == f"correct hooks.{phase} in vpsdeploy.yml, or leave hooks out with --no-hooks"
    assert f"live is {OLD} on all hosts" in caught.value.state
    assert ("the flip was undone" if phase == "after_flip" else "nothing was flipped") in caught.value.state
    assert fleet.summary() == {("green", OLD)}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())


@pytest.mark.parametrize("where", ["app", "controller"])
def test_a_hook_that_fails_after_the_confirmation_is_a_warning(tmp_path: Path, where: str) -> None:
    """The release stands, and what comes behind the hook is done: the old pool is drained, the lock given back."""
    fleet = live_fleet(TWO)
    changed = release(fleet, config(tmp_path, hooks={"after_confirm": ({"run": "false", "where": where},)}))
    assert changed.release == NEW
    assert changed.warnings == ("after_confirm: false: false: it ended with exit code 1",)
    assert all(host.lock is None and host.pools["green"] is None for host in fleet.hosts.values())


def test_a_hook_of_the_app_runs_in_the_new_release_on_one_host(tmp_path: Path) -> None:
    """Once, and it is told what goes on."""
    fleet = live_fleet(TWO)
    release(fleet, config(tmp_path, hooks={"before_start": ({"run": "node seed.js", "where": "app"},)}))
    (asked,) = (request for host in fleet.hosts.values() for request in host.hooks)
    assert (asked["release"], asked["command"]) == (NEW, "node seed.js")
    assert asked["env"]["VPSDEPLOY_PREVIOUS"] == OLD


def test_what_a_hook_writes_is_shown_as_it_comes(tmp_path: Path) -> None:
    """With its phase before each line."""
    reporter = Silent()
    app = config(tmp_path, hooks={"after_gate": ('echo "smoke of $VPSDEPLOY_RELEASE"',)})
    release(live_fleet(TWO), app, reporter)
    assert f"  after_gate | smoke of {NEW}" in reporter.told


def test_hooks_of_a_failure_run_when_it_was_undone(tmp_path: Path) -> None:
    """Each of them, whatever became of the one before; they learn what failed; the error is the release's own."""
    fleet, reporter = live_fleet(TWO), Silent()
    say = 'echo "$VPSDEPLOY_RESULT $VPSDEPLOY_ERROR" > told'
    app = config(tmp_path, hooks={"after_flip": ("exit 3",), "on_failure": ("false", say)})
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, app, reporter)
    assert "exit 3" in caught.value.why
    assert (tmp_path / "told").read_text() == "returned a hook failed\n"
    assert "on_failure" in str([line for line in reporter.told if line.startswith("warning: ")])


def test_hooks_of_the_build_fail_before_any_host_is_touched(tmp_path: Path) -> None:
    """With that said."""
    app = config(tmp_path, hooks={"before_build": ("false",)})
    around = Hooks(app, Silent(), print).around({"command": "build"})
    with pytest.raises(ReleaseFailed) as caught:
        around("before_build")
    assert (caught.value.step, caught.value.state) == ("before_build: false", "no host was touched")
    around("after_build")


def test_receivers_are_told_of_start_and_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, with the release that was live before; slack's and telegram's in their forms."""
    post = Post()
    monkeypatch.setattr(notify, "_post", post)
    monkeypatch.setenv("SLACK", "https://slack.invalid/x")
    receivers = ({"type": "slack", "url_env": "SLACK"},)
    release(live_fleet(TWO), config(tmp_path, notify=receivers))
    assert [message["text"].split(": ")[1].split(" by ")[0] for message in post.sent] == [
        f"release {NEW} begins,", f"release {NEW} is live (before",
    ]  # fmt: skip


@pytest.mark.parametrize(("phase", "moment"), [("after_gate", "failure"), ("after_flip", "return")])
def test_receivers_are_told_of_a_failure_and_of_a_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, moment: str
) -> None:
    """Only those who asked for it; with what failed and what users see, never with the output that shows why."""
    post = Post()
    monkeypatch.setattr(notify, "_post", post)
    receivers = ({"type": "webhook", "url": "http://ci.invalid/", "on": ("failure", "return")},)
    (tmp_path / "output").write_text("password=hunter2")
    hooks = {phase: ("cat output; exit 1",)}
    with pytest.raises(ReleaseFailed):
        release(live_fleet(TWO), config(tmp_path, hooks=hooks, notify=receivers))
    (message,) = post.sent
    assert (message["on"], message["error"]["what"], message["previous"]) == (moment, "a hook failed", OLD)
    assert f"live is {OLD}" in message["state"]
    assert "hunter2" not in str(message["text"] + str(message["state"]))


def test_a_mistyped_command_is_no_failed_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is woken up by a typo."""
    post = Post()
    monkeypatch.setattr(notify, "_post", post)
    app = config(tmp_path, notify=({"type": "webhook", "url": "http://ci.invalid/"},))
    with (
        pytest.raises(UsageError),
        told(Context(app, TWO, FakeFleet(TWO), local.this_process()), Silent(), "rollback"),
    ):
        raise UsageError("no release '1999'")
    assert post.sent == []


def test_a_flip_that_a_host_took_back_alone_is_told_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody was there to tell of it: its controller is gone."""
    post, fleet, reporter = Post(), live_fleet(TWO), Silent()
    monkeypatch.setattr(notify, "_post", post)
    line = {"verb": "return", "by": "timer of bob@ci", "time": "2026-11-02T10:00:00Z"}
    fleet.hosts["lb-1"].history.append(line)
    receivers = ({"type": "webhook", "url": "http://ci.invalid/", "on": ("return",)},)
    release(fleet, config(tmp_path, notify=receivers), reporter)
    assert "lb-1 took an unconfirmed flip back (timer of bob@ci, 2026-11-02T10:00:00Z)" in reporter.told
    assert [message["on"] for message in post.sent] == ["return"]


def test_a_receiver_that_fails_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And never more: the release is what it would have been."""
    monkeypatch.setattr(notify, "_post", Post("answered 500"))
    reporter = Silent()
    app = config(tmp_path, notify=({"type": "webhook", "url": "http://ci.invalid/"},))
    assert release(live_fleet(TWO), app, reporter).release == NEW
    assert [line for line in reporter.told if "warning" in line] == [
        "warning: notify[0] (webhook) was not told: answered 500"
    ]


def test_a_receiver_that_hangs_costs_a_limited_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command goes on without it."""
    over = threading.Event()
    monkeypatch.setattr(notify, "_post", lambda *_: "" if over.wait(60) else "never")
    monkeypatch.setattr(notify, "FINISH_SECONDS", 0.2)
    reporter = Silent()
    app = config(tmp_path, notify=({"type": "webhook", "url": "http://ci.invalid/"},))
    release(live_fleet(TWO), app, reporter)
    over.set()
    assert "warning: notify[0] (webhook) was not told: it has not answered yet" in reporter.told


def test_a_secret_that_is_not_there_is_named_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is no URL is not shown."""
    monkeypatch.setattr(notify, "_post", Post())
    monkeypatch.delenv("GONE", raising=False)
    monkeypatch.setenv("WRONG", "hunter2")
    receivers = ({"type": "slack", "url_env": "GONE"}, {"type": "slack", "url_env": "WRONG"})
    reporter = Silent()
    release(live_fleet(TWO), config(tmp_path, notify=receivers), reporter)
    assert [line for line in reporter.told if "warning" in line] == [
        "warning: notify[0] (slack) was not told: the environment has no GONE",
        "warning: notify[1] (slack) was not told: WRONG holds no URL",
    ]


def test_a_sender_that_breaks_does_not_show_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises: only its kind is told."""

    def broken(url: Secret, _: dict[str, Any]) -> str:
        raise RuntimeError(url.reveal())

    monkeypatch.setattr(notify, "_post", broken)
    monkeypatch.setenv("SLACK", "https://slack.invalid/hunter2")
    reporter = Silent()
    release(live_fleet(TWO), config(tmp_path, notify=({"type": "slack", "url_env": "SLACK"},)), reporter)
    assert "hunter2" not in str(reporter.told)
    assert "cannot be sent (RuntimeError)" in str(reporter.told)


def test_telegram_s_token_is_in_the_url_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its API wants it; the message has the chat and the text."""
    post = Post()
    monkeypatch.setattr(notify, "_post", post)
    monkeypatch.setenv("BOT", "123:hunter2")
    receiver = {"type": "telegram", "token_env": "BOT", "chat_id": "-100123", "url": "http://127.0.0.1:8081/"}
    reporter = Silent()
    release(live_fleet(TWO), config(tmp_path, notify=(receiver,)), reporter)
    assert post.urls[0].reveal() == "http://127.0.0.1:8081/bot123:hunter2/sendMessage"
    assert post.sent[0]["chat_id"] == "-100123"
    assert post.sent[0].keys() == {"chat_id", "text", "link_preview_options"}
    assert "hunter2" not in str(post.sent) + str(reporter.told) + str(post.urls)


def test_slack_s_signs_are_escaped() -> None:
    """&, < and > would be a link or a mention."""
    story = Story("release", NEW)
    story.failed(VpsdeployError("<!channel> & co"), flipped=False)
    news = report.News(
        "failure", APP, "production", "release", "", NEW, "", "ann@laptop", "", 1.0, None, story.error, ""
    )
    assert report.payload("slack", news)["text"].endswith(": &lt;!channel&gt; &amp; co")


def test_a_controller_s_name_is_what_the_kernel_says() -> None:
    """`by` in a message is who runs the command."""
    assert local.this_process().by.endswith(f"@{socket.gethostname()}")


def test_doctor_names_receivers_that_cannot_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variable that the environment lacks; one that is there is no finding."""
    monkeypatch.delenv("GONE", raising=False)
    monkeypatch.setenv("THERE", "https://slack.invalid/x")
    app = config(
        tmp_path, notify=({"type": "slack", "url_env": "GONE"}, {"type": "slack", "url_env": "THERE"})
    )
    assert notify.missing(app) == (
        ("notify[0] (slack): the environment has no GONE", "set GONE where releases are made"),
    )
