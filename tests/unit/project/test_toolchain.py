"""The environment that a build runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model.build import ManagerName, PackageManager
from orchestrator.project import toolchain
from orchestrator.secret import KEY_COMMAND_VARIABLE, KEY_VARIABLE


def test_a_build_has_no_use_for_the_key_of_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts of dependencies run in it; the rest of our environment is theirs."""
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 10.0.0\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in (KEY_VARIABLE, KEY_COMMAND_VARIABLE, "ANOTHER"):
        monkeypatch.setenv(name, "hunter2")
    env = toolchain.prepare(PackageManager(ManagerName.NPM, "", ""), tmp_path, lambda _: None).env
    assert [name for name, value in env.items() if value == "hunter2"] == ["ANOTHER"]
