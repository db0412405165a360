"""A host whose clock is set while something runs: what the drills cannot do to containers, which share one clock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.agent import connections
from tests.unit.agent.conftest import BLUE, GREEN, RELEASES, Host

HOUR_SECONDS = 3600
_OPEN = "  0: 0100007F:0FA1 0100007F:9999 01 00000000:00000000\n"
"""An established connection to port 4001 (hex 0FA1), as proc_net_tcp shows it."""


def jump(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock of the day."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)


def test_a_drain_does_not_end_because_the_clock_was_set_forward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is open until it ends by itself, long before the real deadline: nothing is cut."""
    table = tmp_path / "net" / "tcp"
    table.parent.mkdir()
    table.write_text(f"head\n{_OPEN}")
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 1:
            jump(monkeypatch, HOUR_SECONDS)
        if len(naps) == 3:
            table.write_text("head\n")
        monkeypatch.setattr(time, "monotonic", lambda: begun + sum(naps))

    begun = time.monotonic()
    monkeypatch.setattr(time, "sleep", nap)
    assert connections.wait_for_none(tmp_path, (4001,), time.time() + 30) == 0
    assert len(naps) > 3


def test_a_drain_ends_at_its_deadline_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an hour later."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(f"head\n{_OPEN}")
    slept: list[float] = []

    def nap(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            jump(monkeypatch, -HOUR_SECONDS)
        monkeypatch.setattr(time, "monotonic", lambda: begun + sum(slept))

    begun = time.monotonic()
    monkeypatch.setattr(time, "sleep", nap)
    assert connections.wait_for_none(tmp_path, (4001,), time.time() + 5) == 1
    assert sum(slept) < 6


def test_a_lock_that_a_jump_ended_leaves_only_one_controller_at_work(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward by an hour: another may take the lock, and from then on every verb of the first is refused."""
    host.live(RELEASES[0], BLUE)
    host.ship(RELEASES[1])
    jump(monkeypatch, HOUR_SECONDS)
    other = {"user": "bob", "host": "ci", "pid": 2}
    taken = host.call("lock", message="rollback", owner=other, lease_seconds=60)
    assert taken["event"] == "result"
    for verb in ("start", "flip", "confirm"):
        refused = host.call(verb, colour=GREEN, release=RELEASES[1], confirm_seconds=60)
        assert refused["kind"] == "LockHeld", verb
    host.token = taken["token"]
    assert host.call("start", colour=GREEN, release=RELEASES[1])["ports"] == [4101, 4102]


def test_a_flip_is_taken_back_by_a_timer_that_no_clock_of_the_day_moves(host: Host) -> None:
    """systemd counts OnActiveSec on the monotonic clock (systemd.timer(5)); what pending.json says is for people."""
    host.live(RELEASES[0], BLUE)
    host.ship(RELEASES[1])
    host.call("start", colour=GREEN, release=RELEASES[1])
    host.call("flip", colour=GREEN, confirm_seconds=60)
    (armed,) = [words for words in host.systemd.told if "--unit=vpsdeploy-return-shop" in words][-1:]
    assert any(word.startswith("--on-active=") for word in armed)
