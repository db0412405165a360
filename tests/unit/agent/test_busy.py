"""A step that takes long on this host: what has to be possible meanwhile, and what others are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.agent import main, mutex
from orchestrator.agent.verbs import lock
from tests.unit.agent.conftest import Host

BOB = {"user": "bob", "host": "ci", "pid": 2}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for two minutes in a test."""
    monkeypatch.setattr(main, "_MUTEX_SECONDS", 0.2)
    monkeypatch.setattr(lock, "_MUTEX_SECONDS", 0.2, raising=False)
    monkeypatch.setattr(lock, "_BUSY_SECONDS", 0.1, raising=False)


@pytest.fixture(name="busy")
def _busy(host: Host) -> Iterator[Host]:
    """A release that waits for the last job of a worker: `jobs` holds the app's mutex for as long."""
    with mutex.held(host.app.mutex_file, 0):
        yield host


def test_maintenance_can_begin(busy: Host) -> None:
    """The one who wants it has a reason not to wait."""
    busy.token = ""
    answer = busy.call("maintenance", on=True, message="Back soon", allow=[], retry_after_seconds=60)
    assert answer["maintenance"]["message"] == "Back soon"


@pytest.mark.parametrize("wait", [False, True])
def test_who_wants_the_lock_is_told_who_has_it(busy: Host, wait: bool) -> None:
    """Not only that another step is running; and one who waits comes again."""
    busy.token = ""
    answer = busy.call("lock", message="m", owner=BOB, lease_seconds=60, wait=wait)
    assert (answer["kind"], answer["what"]) == ("LockHeld", "another release is running")
    assert "holds the lock since" in answer["why"]


def test_a_lock_is_not_taken_over_under_a_step_that_still_runs(busy: Host) -> None:
    """Its controller is gone, but the host carries the step out to its end."""
    busy.token = ""
    owner = busy.call("facts")["lock"]["owner"]
    answer = busy.call("lock", message="m", owner=BOB, lease_seconds=60, dead_owner=owner)
    assert (answer["kind"], answer["what"]) == ("LockHeld", "another step of the app is running on this host")
    assert busy.call("facts")["lock"]["owner"] == owner
