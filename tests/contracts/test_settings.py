"""What vpsdeploy.yml may say at its limits is what the agent takes: else a release would be refused late, on a host."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.agent import settings as agent
from orchestrator.config.app import AppConfig
from orchestrator.plan import settings

LEAST: dict[str, Any] = {
    "instances": 1, "port": 1024, "limits": {"memory": "64M", "cpu": "1%"},
    "migrate": {"command": "x", "timeout_seconds": 1},
    "workers": {"a": {"entry": "w.js", "instances": 1, "stop_timeout_seconds": 1}},
    "cron": {"a": {"schedule": "@daily", "entry": "c.js", "timeout_seconds": 1}},
}  # fmt: skip
MOST: dict[str, Any] = {
    "instances": 99, "port": 65336, "limits": {"memory": "9999999G", "cpu": "99999%"},
    "migrate": {"command": "x", "timeout_seconds": 86400, "irreversible": True},
    "workers": {"a" * 31: {"entry": "w.js", "instances": 20, "stop_timeout_seconds": 3600}},
    "cron": {"a" * 31: {"schedule": "@daily", "command": ["a b", "%", "$X"], "timeout_seconds": 86400}},
}  # fmt: skip


@pytest.mark.parametrize("said", [LEAST, MOST], ids=["least", "most"])
def test_the_agent_takes_what_the_configuration_allows(said: dict[str, Any]) -> None:
    """Every number at its least and at its most."""
    config = AppConfig.model_validate({"app": "shop", **{key: _frozen(value) for key, value in said.items()}})
    parsed = agent.parse(settings.of(config, "dist/main.js", "24.21.0"))
    assert (parsed.instances, parsed.port) == (said["instances"], said["port"])
    assert (list(parsed.workers), list(parsed.cron)) == (list(said["workers"]), list(said["cron"]))


def _frozen(value: Any) -> Any:
    """Lists as the configuration holds them."""
    if isinstance(value, dict):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(value) if isinstance(value, list) else value
