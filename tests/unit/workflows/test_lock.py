"""A person's lock over a fleet, waiting for a lock, and what a change tells the hosts."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable, LockHeld, UsageError
from orchestrator.transport import local
from orchestrator.workflows import history, lock, waiting
from orchestrator.workflows.fleet import Context
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig(app=APP)
STAGE = stage("web-1", "web-2")


class Told:
    """A reporter that keeps notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def started(self, title: str, n: int = 0, of: int = 0) -> None:
        """Not kept."""

    def finished(self, title: str, seconds: float, note: str = "") -> None:
        """Not kept."""

    def note(self, text: str) -> None:
        """Kept."""
        self.notes.append(text)

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Not kept."""


def take(fleet: FakeFleet, message: str = "freeze") -> Any:
    """Lock as this machine's user."""
    return lock.take(CONFIG, STAGE, message, 0, Told(), lambda *_: fleet)


def test_a_persons_lock_outlives_the_command_on_every_host() -> None:
    """And names who, and why."""
    fleet = FakeFleet(STAGE)
    locked = take(fleet)
    assert (locked.hosts, locked.again) == (("web-1", "web-2"), ())
    assert [host.lock and host.lock["message"] for host in fleet.hosts.values()] == ["freeze", "freeze"]


def test_it_is_on_every_host_or_on_none() -> None:
    """The second host refuses: the first is given back."""
    fleet = FakeFleet(STAGE)
    other = {"user": "bob", "host": "ci"}
    fleet.hosts["web-2"].lock = {"owner": other, "message": "release"}
    with pytest.raises(LockHeld) as caught:
        take(fleet)
    assert caught.value.state == "no host was locked"
    assert fleet.hosts["web-1"].lock is None


def test_a_lock_that_was_there_before_is_not_given_back() -> None:
    """Locked again by the same person, with a new message, while a host is gone: what was locked stays so."""
    fleet = FakeFleet(STAGE)
    take(fleet)

    def fail(host: str, verb: str) -> None:
        if host == "web-2":
            raise HostUnreachable("no SSH connection", host=host)

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        take(fleet, "longer")
    assert "still locked by you: web-1" in caught.value.state
    assert fleet.hosts["web-1"].lock is not None


@pytest.mark.parametrize("message", ["", "  ", "two\nlines", "x" * 501])
def test_a_message_must_tell_something(message: str) -> None:
    """Refused before any host is asked."""
    with pytest.raises(UsageError):
        lock.checked(message)


def test_unlock_reaches_every_host_it_can() -> None:
    """One that is gone does not keep the others locked; the error says which are free."""
    fleet = FakeFleet(STAGE)
    take(fleet)

    def fail(host: str, verb: str) -> None:
        if host == "web-2":
            raise HostUnreachable("no SSH connection", host=host)

    fleet.fail = fail
    with pytest.raises(HostUnreachable) as caught:
        lock.end(CONFIG, STAGE, force=True, opener=lambda *_: fleet)
    assert caught.value.state == "web-1 is unlocked; the others are as they were"
    assert fleet.hosts["web-1"].lock is None


def _held(fleet: FakeFleet) -> Context:
    """A fleet that somebody else holds, and a context of ours."""
    for host in fleet.hosts.values():
        host.lock = {"owner": {"user": "bob", "host": "ci", "machine_id": "other/1"}, "message": "release"}
    return Context(CONFIG, STAGE, fleet, local.this_process())


def test_a_wait_ends_when_the_lock_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells once who holds it, and takes it as soon as it can."""
    fleet, told = FakeFleet(STAGE), Told()
    context = _held(fleet)

    def sleep(_: float) -> None:
        fleet.hosts["web-1"].lock = None

    monkeypatch.setattr(time, "sleep", sleep)
    waiting.Patience(context, told, 60).lock("web-1", "mine")
    assert "web-1" in context.tokens
    assert len(told.notes) == 1
    assert told.notes[0].startswith("waiting up to 60 s for the lock of web-1")


def test_a_wait_gives_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the error of one who did not wait, and how long it was."""
    fleet = FakeFleet(STAGE)
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    with pytest.raises(LockHeld) as caught:
        waiting.Patience(_held(fleet), Told(), 5).lock("web-1", "mine")
    assert "waited 5 s for it" in caught.value.why
    assert now[0] >= 1005


def test_history_goes_on_without_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named; with no host at all the first error is raised."""
    fleet = FakeFleet(STAGE)
    fleet.hosts["web-1"].history = [{"verb": "lock", "time": "2026", "by": "ann@laptop", "result": "locked"}]
    gone = ["web-2"]

    def fail(host: str, verb: str) -> None:
        if host in gone:
            raise HostUnreachable("no SSH connection", host=host, why="timed out")

    fleet.fail = fail
    told = history.run(CONFIG, STAGE, 5, (), lambda *_: fleet)
    assert [change.command for change in told.changes] == ["lock"]
    assert told.missing == {"web-2": "no SSH connection: timed out"}
    gone.append("web-1")
    with pytest.raises(HostUnreachable):
        history.run(CONFIG, STAGE, 5, (), lambda *_: fleet)


def test_another_process_of_ours_is_another_owner() -> None:
    """Two terminals of one person do not release at once."""
    fleet = FakeFleet(STAGE)
    mine = local.this_process()
    waiting.Patience(Context(CONFIG, STAGE, fleet, mine), Told()).lock("web-1", "one")
    alive = Context(CONFIG, STAGE, fleet, replace(mine, machine_id="other/1"))
    with pytest.raises(LockHeld):
        waiting.Patience(alive, Told()).lock("web-1", "two")
