"""Module calls are counted as the module's docstring says."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.transport import ansible_calls


@pytest.mark.parametrize(
    ("action", "result", "calls"),
    [
        ("ansible.builtin.debug", {}, 0),
        ("assert", {}, 0),
        ("ansible.builtin.apt", {}, 1),
        ("vpsdeploy_files", {"changes": ["/a", "/b"]}, 1),
        ("ansible.builtin.copy", {}, 2),
        ("template", {}, 2),
        ("file", {"results": [{}, {"skipped": True}, {}]}, 2),
        ("copy", {"results": [{}, {}]}, 4),
        ("find", {"results": []}, 0),
        ("uri", {"results": "text"}, 1),
        ("command", {"_ansible_delegated_vars": {"ansible_host": "localhost"}}, 0),
        ("command", {"_ansible_delegated_vars": {"ansible_host": "10.0.0.12"}}, 1),
    ],
)
def test_calls(action: str, result: dict[str, Any], calls: int) -> None:
    """One number for each task, host and item."""
    assert ansible_calls.count(action, result) == calls
