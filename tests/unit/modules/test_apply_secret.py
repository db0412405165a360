"""What the controller's half of vpsdeploy_apply hands over: a secret file as a secret, and nothing of it back."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from orchestrator import shipped


@pytest.fixture(name="action")
def _action() -> Any:
    """The plugin, without Ansible around it: it finds every file where the test put it."""
    path = shipped.playbook("site").parent / "action_plugins/vpsdeploy_apply.py"
    spec = importlib.util.spec_from_file_location("vpsdeploy_apply_action", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = object.__new__(module.ActionModule)
    made._find_needle = lambda _kind, name: name
    return made


def test_a_secret_source_travels_as_a_secret(action: Any, tmp_path: Path) -> None:
    """The module never shows `secret_content`; `binary_content` would be in the invocation of a verbose run."""
    file = tmp_path / "own.key"
    file.write_text("-----BEGIN PRIVATE KEY-----\n")
    ready = action._ready({"path": "/etc/x", "source": str(file), "secret": True, "mode": "0600"}, {})
    assert ready == {"path": "/etc/x", "mode": "0600", "secret_content": "-----BEGIN PRIVATE KEY-----\n"}


def test_another_source_travels_as_bytes(action: Any, tmp_path: Path) -> None:
    """Whatever they are."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(b"\x00\xff")
    ready = action._ready({"path": "/usr/x", "source": str(file)}, {})
    assert ready == {"path": "/usr/x", "binary_content": "AP8="}
