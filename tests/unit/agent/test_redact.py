"""What the app wrote reaches people without the app's secrets."""

from __future__ import annotations

import json

import pytest

from orchestrator.agent.main import VERBS
from orchestrator.agent.redact import Mask
from tests.unit.agent.conftest import RELEASES, Host

ENV = {
    "URL": "postgres://u:hunter2hunter2@db", "PART": "hunter2hunter2", "KEY": "-----BEGIN-----\nMIIBVgIBADAN\n",
    "SHORT": "true", "EMPTY": "", "LOG_LEVEL": "information",
}  # fmt: skip
SECRETS = ["URL", "PART", "KEY", "SHORT", "EMPTY"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("no connection to postgres://u:hunter2hunter2@db/x", "no connection to [redacted]/x"),
        ("the password is hunter2hunter2!", "the password is [redacted]!"),
        ("bad key: MIIBVgIBADAN", "bad key: [redacted]"),
        ("true, and information", "true, and information"),
    ],
)
def test_values_are_masked_wherever_they_stand(host: Host, written: str, shown: str) -> None:
    """The longest first, several lines one by one; not what is short, and not what is no secret."""
    host.ship(RELEASES[0], env=ENV, secrets=SECRETS)
    answer = {"event": "error", "why": f"its last lines:\n{written}", "lines": [{"message": written}], "n": 1}
    masked = Mask(host.app)(answer)
    assert masked == {**answer, "why": f"its last lines:\n{shown}", "lines": [{"message": shown}]}


def test_values_of_older_releases_are_masked_too(host: Host) -> None:
    """Their processes may still run."""
    for release, value in zip(RELEASES, ("old-password", "new-password"), strict=False):
        host.ship(release, env={"A": value}, secrets=["A"])
    assert Mask(host.app)("old-password new-password") == "[redacted] [redacted]"


def test_a_host_without_secrets_changes_nothing(host: Host) -> None:
    """Names that are in env only are everybody's to read."""
    host.ship(RELEASES[0], env=ENV)
    assert Mask(host.app)(ENV["URL"]) == ENV["URL"]


def test_a_failed_gate_does_not_quote_a_secret(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash of an app that cannot reach its database often says its URL."""
    host.ship(RELEASES[0], env=ENV, secrets=SECRETS)
    host.call("start", release=RELEASES[0], colour="green")
    host.systemd.running.clear()
    monkeypatch.setattr("orchestrator.agent.systemd.Systemd.journal", lambda *_: f"cannot reach {ENV['URL']}")
    answer = host.call("gate", colour="green", path="/", timeout_seconds=1, interval_seconds=0.1)
    assert "cannot reach [redacted]" in answer["why"]
    assert "hunter2" not in json.dumps(host.lines)


def test_every_verb_that_passes_on_what_the_app_wrote_masks_it() -> None:
    """Only `exec`, whose bytes are the command's own, does not."""
    quoting = {name for name, verb in VERBS.items() if verb.quotes}
    assert quoting == {"migrate", "gate", "instances", "jobs", "cron-run", "logs", "hook"}
