"""Who is told of a change, and what: in order, in time, and never in its way."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ReleaseFailed, UsageError, VpsdeployError
from orchestrator.model.news import News
from orchestrator.report import news as report
from orchestrator.secret import Secret
from orchestrator.transport import agent_pyz, local
from orchestrator.workflows import notify, rollback
from orchestrator.workflows.audience import told
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.story import Story
from tests.support.changes import NEW, OLD, TWO, Silent, live_fleet
from tests.support.fleet import APP, VERSION, FakeFleet
from tests.unit.workflows.test_hooks import config, release


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


def test_a_rollback_that_is_refused_has_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else somebody would read that it begins, and never how it ended."""
    post, fleet = Post(), live_fleet(TWO)
    monkeypatch.setattr(notify, "_post", post)
    monkeypatch.setattr(agent_pyz, "version", lambda: VERSION)
    app = config(tmp_path, notify=({"type": "webhook", "url": "http://ci.invalid/"},))
    release(fleet, app)
    line = {"release": NEW, "state": "succeeded", "irreversible": True, "time": "2026-11-01T00:00:00Z"}
    fleet.hosts["web-1"].migrations[NEW] = line
    post.sent.clear()
    with pytest.raises(UsageError, match="marked irreversible"):
        rollback.run(app, TWO, rollback.Wish(), Silent(), lambda *_: fleet)
    assert post.sent == []
    rollback.run(app, TWO, rollback.Wish(across_irreversible=True), Silent(), lambda *_: fleet)
    assert [message["on"] for message in post.sent] == ["start", "success"]


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
    news = News(
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
