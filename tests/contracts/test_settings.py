"""What vpsdeploy.yml may say at its limits is what the agent takes: else a release would be refused late, on a host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.agent import settings as agent
from orchestrator.agent.layout import Layout
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
HOST = Layout()
MODULES = Path(__file__).parents[2] / "playbooks/module_utils/vpsdeploy"
OURS = {
    path.relative_to(HOST.state).parts[0]
    for path in vars(HOST).values()
    if isinstance(path, Path) and HOST.state in path.parents and not path.suffix
} | {
    name
    for file in MODULES.glob("*.py")
    for name in re.findall(rf'"{HOST.state}/(\w+)"', file.read_text())
}  # fmt: skip


@pytest.mark.parametrize("said", [LEAST, MOST], ids=["least", "most"])
def test_the_agent_takes_what_the_configuration_allows(said: dict[str, Any]) -> None:
    """Every number at its least and at its most."""
    config = AppConfig.model_validate({"app": "shop", **{key: _frozen(value) for key, value in said.items()}})
    parsed = agent.parse(settings.of(config, "dist/main.js", "24.21.0"))
    assert (parsed.instances, parsed.port) == (said["instances"], said["port"])
    assert (list(parsed.workers), list(parsed.cron)) == (list(said["workers"]), list(said["cron"]))


@pytest.mark.parametrize("name", sorted(OURS))
def test_no_app_is_called_as_a_directory_of_ours(name: str) -> None:
    """The agent's places, and those of the roles: an app of that name would write into them."""
    with pytest.raises(ValidationError, match="names a directory of vpsdeploy itself"):
        AppConfig(app=name)


def _frozen(value: Any) -> Any:
    """Lists as the configuration holds them."""
    if isinstance(value, dict):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(value) if isinstance(value, list) else value
