"""A release that was interrupted, killed, or came upon another one: what the next command finds and does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from orchestrator.errors import Interrupted, LockHeld, ReleaseFailed
from orchestrator.model.fleet import Stage
from orchestrator.workflows import heartbeat
from tests.support.changes import (
    AFTER_FLIP,
    BEFORE_FLIP,
    OLD,
    ONE,
    TIDY,
    TWO,
    Killed,
    fail_at,
    kill_after,
    live_fleet,
    release,
)
from tests.support.fake_state import Json
from tests.support.fleet import FakeHost


@pytest.mark.parametrize("verb", BEFORE_FLIP + AFTER_FLIP)
def test_ctrl_c_undoes_what_was_begun(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted at any step before the end of the change, users see the old release."""
    fleet = live_fleet(TWO)
    from orchestrator.workflows.transaction import Transaction

    real = Transaction._act

    def act(self: Transaction, running: Any) -> Any:
        answers = real(self, running)
        if running.verb == verb:
            raise KeyboardInterrupt
        return answers

    monkeypatch.setattr(Transaction, "_act", act)
    with pytest.raises(Interrupted) as caught:
        release(fleet, TWO)
    assert fleet.summary() == {("green", OLD)}
    assert OLD in caught.value.state
    assert all(host.lock is None for host in fleet.hosts.values())


@pytest.mark.parametrize("answered", [False, True], ids=["not heard", "answer lost"])
def test_ctrl_c_while_a_lock_is_taken_leaves_none(answered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host may have it on disk before we know the token: it is given back all the same."""
    fleet = live_fleet(TWO)
    real, asked = FakeHost.do_lock, 0

    def do_lock(self: FakeHost, request: Json) -> Json:
        nonlocal asked
        asked += 1
        answer = real(self, request) if answered or asked != 2 else {}
        if asked == 2:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(FakeHost, "do_lock", do_lock)
    with pytest.raises(Interrupted):
        release(fleet, TWO)
    assert asked == 3
    assert [host.lock for host in fleet.hosts.values()] == [None] * len(fleet.hosts)
    assert fleet.summary() == {("green", OLD)}


@pytest.mark.parametrize("of", [ONE, TWO], ids=["one host", "two and two"])
@pytest.mark.parametrize("verb", BEFORE_FLIP + AFTER_FLIP + TIDY)
def test_the_next_release_repairs_what_a_killed_one_left(
    of: Stage, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after any step: the next release takes the lock over and ends with the fleet on itself."""
    fleet = live_fleet(of)
    with monkeypatch.context() as patched:
        kill_after(verb, patched)
        with pytest.raises(Killed):
            release(fleet, of, pid=2**22 + 1)
    third = "20261103000000-cccccccc"
    release(fleet, of, third, pid=1)
    assert {release for _, release in fleet.summary()} == {third}
    running = {pool["release"] for host in fleet.hosts.values() for pool in host.pools.values() if pool}
    assert running == {third}
    assert all(host.lock is None and host.pending is None for host in fleet.hosts.values())


def test_a_running_release_is_not_disturbed() -> None:
    """Somebody else's lock: LockHeld says so, nothing is changed, and their lock stays."""
    fleet = live_fleet(TWO)
    other = {"user": "ann", "host": "laptop", "pid": 1, "pid_started": "1", "machine_id": "elsewhere/1"}
    fleet.hosts["web-1"].lock = {"owner": other, "message": "release 20261102"}
    with pytest.raises(LockHeld) as caught:
        release(fleet, TWO)
    assert caught.value.host == "web-1"
    assert fleet.summary() == {("green", OLD)}
    assert fleet.hosts["web-1"].lock is not None
    assert fleet.hosts["lb-1"].lock is None


def test_a_second_ctrl_c_says_what_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Impatience during the undo: the message tells what becomes of the hosts."""
    from orchestrator.workflows import undo

    def impatient(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(undo.Undo, "run", impatient)
    fleet = live_fleet(TWO)
    fleet.fail = fail_at("gate", ReleaseFailed("it broke"))
    with pytest.raises(ReleaseFailed) as caught:
        release(fleet, TWO)
    assert "a flip returns by itself within 60 s, the next command repairs the rest" in caught.value.state


def test_locks_are_renewed_where_a_host_has_to_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load balancer has nothing to do while files are sent; over a slow line its lease would run out."""
    monkeypatch.setattr(heartbeat, "RENEW_SECONDS", 0.01)
    fleet = live_fleet(TWO)

    renewed = {("lb-1", "renew"), ("lb-2", "renew")}

    def slow(_: str, verb: str) -> None:
        deadline = time.monotonic() + 5
        while verb == "receive" and not renewed <= set(fleet.calls) and time.monotonic() < deadline:
            time.sleep(0.01)

    fleet.fail = slow
    fleet.hosts["web-1"].store.clear()
    release(fleet, TWO)
    assert renewed <= set(fleet.calls)
