"""A host with backups: what tests of them share. Files are real, restic is stood in for, no database is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orchestrator.agent.backup import ping
from orchestrator.agent.programs import Finished
from tests.support.fake_restic import Repositories
from tests.unit.agent.conftest import FakeSystemd, Host

BIG = 3 << 20


def never(*_: object) -> NoReturn:
    """In place of what a test must not call."""
    pytest.fail("it was called")


class World(FakeSystemd):
    """What the host runs. Units are not started: tests call what they call."""

    def __init__(self, host: Host, copies: Path) -> None:
        super().__init__()
        self.host, self.restic = host, Repositories(copies)
        self.pinged: list[tuple[str, bytes]] = []

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """restic in memory; systemd as ever."""
        if "restic" in arguments:
            return self.restic.run(arguments)
        return super().__call__(arguments)

    def unit(self, verb: str) -> dict[str, Any]:
        """What the unit of a verb calls."""
        request = json.dumps({"protocol": 1, "app": "shop", "by": "timer"})
        return self.host.words([verb, "--request", request])

    @property
    def state(self) -> dict[str, Any]:
        """What is kept of it all."""
        known: dict[str, Any] = json.loads(self.host.app.backup_state_file.read_text())
        return known

    @property
    def troubles(self) -> str:
        """What `facts` says that somebody has to look at."""
        return "\n".join(self.host.call("facts")["backup"]["troubles"])


@pytest.fixture(name="world")
def world_of(bare: Host, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """A host with two targets, its keys and two uploads."""
    made = World(bare, tmp_path_factory.mktemp("copies"))
    bare.systemd = made
    set_up(bare)
    (bare.app.shared / "uploads").mkdir()
    (bare.app.shared / "uploads" / "a.txt").write_text("a")
    (bare.app.shared / "uploads" / "b.txt").write_text("b" * BIG)
    bare.call("backup-keys", keys={"password": "one", "ping_url": "https://hc.example/x\n"})
    monkeypatch.setattr(ping, "_post", lambda url, body: made.pinged.append((url, body)))
    return made


def set_up(host: Host, **other: Any) -> None:
    """What the role writes."""
    targets = {name: {"kind": "local", "repository": f"/mnt/{name}/shop"} for name in ("disk", "far")}
    settings = {
        "name": "web-1", "stage": "production", "targets": targets, "keep": {"daily": 7, "weekly": 0, "monthly": 12},
        "what": ["files", "databases", "state"], "exclude": ["cache"], "events": ["*-*-* 03:00:00 UTC"],
        "jitter_seconds": 0, "drill_events": ["Sun *-*-* 05:00:00 UTC"], "checks": [], **other,
    }  # fmt: skip
    host.layout.backups.mkdir(parents=True, exist_ok=True)
    host.app.backup_file.write_text(json.dumps(settings))
