"""What no backup holds, and how that is told."""

from __future__ import annotations

import json

import pytest

from orchestrator.agent.backup import dumps
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call
from tests.unit.agent.with_backups import World, world_of  # noqa: F401 - world_of: a fixture


def test_mongodb_is_left_out_and_the_backup_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else there is is backed up all the same; the controller tells people (test_status_services.py)."""
    world.host.layout.services.mkdir(parents=True)
    told = {"service": "mongodb", "app": "shop", "database": "shop", "user": "shop", "port": 27017}
    (world.host.layout.services / "mongodb.json").write_text(json.dumps(told))
    seen, made = list[dict[str, object]](), dumps.stage

    def watched(call: Call, settings: Settings) -> dict[str, object]:
        seen.append(made(call, settings))
        return seen[-1]

    monkeypatch.setattr(dumps, "stage", watched)
    assert world.unit("backup")["last"]["result"] == "done"
    assert (seen[0]["dumps"], seen[0]["left_out"]) == ([], ["mongodb"])
