"""What a host takes for a trouble, and when it is over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchestrator.agent import apt, durable, pools
from orchestrator.agent.alerts import troubles
from orchestrator.agent.backup import state as backup_state
from orchestrator.agent.call import timestamp
from tests.unit.agent.with_alerts import HOOK, SLACK, Net, look, net_of  # noqa: F401 - net_of: a fixture
from tests.unit.agent.with_backups import World, world_of  # noqa: F401 - world_of: a fixture


def test_a_service_has_to_be_down_for_two_looks(world: World, net: Net) -> None:
    """A restart is no trouble."""
    world.running.discard("nginx.service")
    look(world.host)
    assert net.sent == []
    look(world.host)
    assert "the load balancer does not run: nginx.service is inactive" in net.texts()[0]
    world.running.add("nginx.service")
    look(world.host)
    assert "over since" in net.texts()[0]


def test_a_filling_disk_is_told_until_it_is_clearly_better(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 90 percent on, of bytes or of inodes, until it is below 87."""
    for used, told in ((0.91, 2), (0.89, 0), (0.91, 0), (0.80, 2)):
        monkeypatch.setattr(troubles, "_fullest", lambda _, used=used: (used, "inodes"))
        look(world.host)
        assert len(net.texts()) == told
    monkeypatch.undo()
    assert 0.0 < troubles._fullest(Path("/"))[0] <= 1.0


@pytest.mark.parametrize(
    ("how", "said"),
    [("missed", "one was due since"), ("damaged", "the repository is damaged"), ("shrunken", "shrunken"),
     ("drill", "the last restore drill failed"), ("no drill", "a drill was due since the first one")],
)  # fmt: skip
def test_each_trouble_of_backups_is_told(world: World, net: Net, how: str, said: str) -> None:
    """Missed, damaged, shrunken, a drill that failed, none that ran."""
    state = world.state
    if how in ("missed", "no drill"):
        world.elapses = "Next elapse: Wed 2026-01-07 03:00:00 UTC"
        key = "at" if how == "missed" else "first_at"
        for one in state["targets"].values():
            one["good"]["at"] = 1.0 if how == "missed" else one["good"]["at"]
            one[key if how == "no drill" else "first_at"] = 1.0
        world.host.app.backup_state_file.write_text(json.dumps(state))
    elif how == "shrunken":
        (world.host.app.shared / "uploads" / "b.txt").write_text("b")
        world.unit("backup")
    else:
        world.restic.broken["check"] = "Fatal: repository contains errors"
        world.host.call("backup-verify") if how == "damaged" else world.unit("drill")
    look(world.host)
    assert said in net.texts()[0]
    look(world.host)
    assert net.sent == []


def test_a_host_that_has_no_backup_yet_is_told_of_once_one_was_due(world: World, net: Net) -> None:
    """Not on the day on which it is provisioned."""
    world.host.app.backup_state_file.unlink()
    look(world.host)
    assert net.sent == []
    world.elapses = "Next elapse: Wed 2026-01-07 03:00:00 UTC"
    os.utime(world.host.app.backup_keys / "password", (1.0, 1.0))
    look(world.host)
    assert "disk has no backup yet" in net.texts()[0]


def test_a_part_that_cannot_be_looked_at_hides_no_other_and_ends_nothing(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a trouble itself once it was seen twice; nobody is told that what is out of sight is over."""
    world.restic.broken["backup"] = "Fatal: no space left on device"
    world.unit("backup")
    look(world.host)
    net.texts()

    def broken(*_: object) -> None:
        raise KeyError("x")

    with monkeypatch.context() as patch:
        patch.setattr(backup_state, "named_troubles", broken)
        patch.setattr(troubles, "_fullest", lambda _: (0.95, "bytes"))
        found = look(world.host)["shop"]
        assert ("backup failed" in found["open"], len(found["open"])) == (True, 2)
        assert "filling" in net.texts()[0]
        look(world.host)
        assert "the host cannot look after backups: KeyError: 'x'" in net.texts()[0]
    look(world.host)
    assert "over since" in net.texts()[0]
    assert look(world.host)["shop"]["open"] == ["backup failed"]


def test_a_service_that_cannot_be_seen_for_one_look_is_still_down(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down, out of sight, down: that is twice."""
    world.running.discard("nginx.service")
    look(world.host)
    with monkeypatch.context() as patch:
        patch.setattr(pools, "read", lambda _: 1 / 0)
        look(world.host)
    assert net.sent == []
    look(world.host)
    assert "nginx.service is inactive" in net.texts()[0]


def test_a_file_system_that_became_read_only_is_told(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kernel makes one that has errors."""
    assert troubles._is_read_only(Path("/proc/sys")) in (True, False)
    monkeypatch.setattr(troubles, "_is_read_only", lambda _: True)
    look(world.host)
    assert "takes nothing: it is read-only" in net.texts()[0]


def test_a_rebuild_is_told_of_once_nobody_is_at_it_any_more(world: World, net: Net) -> None:
    """Not while it goes on: whoever types it sees it."""
    began = timestamp()
    durable.write_json(world.host.app.rebuild_file, {"began": began, "done": []})
    look(world.host)
    assert net.sent == []
    durable.write_json(world.host.app.rebuild_file, {"began": "2026-01-01T00:00:00Z", "done": []})
    look(world.host)
    assert "was not rebuilt to its end" in net.texts()[0]


def test_a_service_that_ends_again_and_again_is_down(world: World, net: Net) -> None:
    """Though it runs whenever somebody looks; a single restart, and counting from anew, is none."""
    nothing, begun, over = (
        "",
        "nginx.service ends again and again: 1 restarts since the last look",
        "over since",
    )
    counts = (
        (3, nothing),
        (4, nothing),
        (4, nothing),
        (5, nothing),
        (6, begun),
        (8, nothing),
        (8, over),
        (0, nothing),
    )
    for count, told in counts:
        world.properties["nginx.service"] = {"NRestarts": str(count)}
        look(world.host)
        assert [told in text for text in net.texts()] == ([True, True] if told else []), count


def test_security_updates_that_restart_a_database_are_told(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else says so: the nights leave them alone. apt is asked again where its lists or packages have changed."""
    lists = world.host.layout.root / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    about = {"service": "redis", "app": "shop", "unit": "redis-server.service"}
    world.host.layout.services.mkdir(parents=True, exist_ok=True)
    (world.host.layout.services / "redis.json").write_text(json.dumps(about))
    world.running.add("redis-server.service")
    new = apt.Upgrade("redis-server", "7.0", "7.1", security=True)
    waiting = [(new, apt.Upgrade("libssl3", "1", "2", security=True)), (new._replace(security=False),)]
    asked: list[int] = []

    def pending(_: object) -> tuple[apt.Upgrade, ...]:
        asked.append(1)
        return waiting.pop(0)

    monkeypatch.setattr(apt, "pending", pending)
    for _ in range(3):
        look(world.host)
    text = net.texts()[0]
    assert (
        "security updates of redis wait, because they restart it: redis-server 7.1 (vpsdeploy host patch"
        in text
    )
    os.utime(lists, (1.0, 1.0))
    for _ in range(3):
        look(world.host)
    assert "over since" in net.texts()[0]
    assert len(asked) == 2
