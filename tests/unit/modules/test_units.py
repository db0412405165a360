"""When a unit is restarted, and when it is only reloaded because users would notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import units
from ansible.module_utils.vpsdeploy.host import Host

DROP_IN = "/etc/systemd/system/nginx.service.d/50-vpsdeploy.conf"


def actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str]) -> list[str]:
    """The actions that are owed for these changed paths."""
    monkeypatch.setattr(units, "OWED", tmp_path / "owed")
    unit: dict[str, Any] = {
        "name": "nginx.service", "reload_on": ["/etc/nginx/"], "restart_on": [DROP_IN],
        "serving": f"{tmp_path}/routes/*/instances/*",
    }  # fmt: skip
    return [note.read_text() for note in units.owe(Host(False), [unit], paths)]


def test_a_unit_that_serves_nobody_yet_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the first provision puts it into its box."""
    assert actions(tmp_path, monkeypatch, [DROP_IN, "/etc/nginx/nginx.conf"]) == ["restart"]


def test_one_that_serves_is_never_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other files are reloaded; the box is in force from its next start on."""
    (tmp_path / "routes/shop/instances/shop_blue_2").mkdir(parents=True)
    assert actions(tmp_path, monkeypatch, [DROP_IN, "/etc/nginx/nginx.conf"]) == ["reload"]
    (tmp_path / "owed/nginx.service").unlink()
    assert actions(tmp_path, monkeypatch, [DROP_IN]) == []
