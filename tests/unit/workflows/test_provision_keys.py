"""Provisioning hands over the keys of backups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.config import AppConfig
from orchestrator.plan import backup as plan
from orchestrator.report.provision_progress import Lines
from orchestrator.report.reporter import Console
from orchestrator.secret import Secret
from orchestrator.workflows import backup, backup_keys, provision
from orchestrator.workflows.provision import Wish
from tests.support.converging import World, stage

BACKED_UP = AppConfig.model_validate({"app": "shop", "backup": {"targets": {"disk": "/mnt/backups"}}})


def test_hosts_are_handed_the_keys_of_their_backups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past Ansible, once it has done its part; a host that does not take them is told of."""
    keys, given = {"password": Secret("one")}, []

    def equip(*told: Any) -> dict[str, str]:
        given.append(told[2:4])
        return {"web-2": "no SSH connection: timed out"}

    monkeypatch.setattr(backup_keys, "ready", lambda *_: keys)
    monkeypatch.setattr(backup, "equip", equip)
    result = provision.run(BACKED_UP, stage(), stage().hosts, Wish(), Console(), lambda _: Lines())
    assert given == [(("web-1", "web-2"), keys)]
    assert [host.notices for host in result.hosts] == [
        (), ("it has no keys for its backups: no SSH connection: timed out",)
    ]  # fmt: skip
    assert "one" not in json.dumps(world.plays[0].variables)


def test_a_rehearsal_makes_no_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed, in the repository neither."""
    monkeypatch.setattr(backup_keys, "ready", lambda *_: pytest.fail("keys were made"))
    provision.run(BACKED_UP, stage(), stage().hosts, Wish(check=True), Console(), lambda _: Lines())
    assert world.plays[0].variables["vpsdeploy_backup"] == plan.settings(BACKED_UP)
