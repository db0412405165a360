"""Whom hosts are to tell of their troubles: handed over by provisioning, with the URLs that this machine knows."""

from __future__ import annotations

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable
from orchestrator.model.provision import HostCounts, HostResult, ProvisionResult
from orchestrator.secret import Secret
from orchestrator.workflows import alerts
from tests.support.changes import fail_at
from tests.support.fleet import APP, FakeFleet, stage

BOTH = stage("web-1", "web-2")
CONFIG = AppConfig.model_validate({
    "app": APP,
    "notify": (
        {"type": "slack", "url_env": "ALERTS_SLACK"},
        {"type": "webhook", "url": "http://ci.invalid/x", "on": ("trouble",)},
        {"type": "telegram", "token_env": "ALERTS_BOT", "chat_id": "-100"},
        {"type": "webhook", "url": "http://ci.invalid/y", "on": ("failure",)},
    ),
})  # fmt: skip


def provisioned(fleet: FakeFleet) -> ProvisionResult:
    """Both hosts are as they should be."""
    done = tuple(HostResult(name, HostCounts(), 0, 1.0) for name in ("web-1", "web-2"))
    return alerts.equipped(CONFIG, BOTH, ProvisionResult("production", done, False, 1.0), lambda *_: fleet)


def test_hosts_are_handed_those_who_want_to_hear_of_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """With their URLs as secrets; what the environment lacks is a notice of each host."""
    monkeypatch.setenv("ALERTS_BOT", "123:canary")
    monkeypatch.delenv("ALERTS_SLACK", raising=False)
    fleet = FakeFleet(BOTH)
    result = provisioned(fleet)
    slack, hook, bot = fleet.hosts["web-2"].receivers
    assert (slack["name"], "url" in slack) == ("ALERTS_SLACK", False)
    assert hook["url"] == Secret("http://ci.invalid/x")
    assert (bot["chat_id"], "canary" in bot["url"].reveal(), "canary" in str(bot)) == ("-100", True, False)
    assert [len(host.notices) for host in result.hosts] == [1, 1]
    assert "cannot tell ALERTS_SLACK of troubles" in result.hosts[0].notices[0]


def test_a_host_that_cannot_be_told_is_a_notice() -> None:
    """It is provisioned all the same."""
    fleet = FakeFleet(BOTH, fail_at("receivers", HostUnreachable("no SSH connection", host="web-1"), "web-1"))
    result = provisioned(fleet)
    assert "nobody is told of its troubles: no SSH connection" in result.hosts[0].notices[0]
    assert fleet.hosts["web-2"].receivers
