"""kill -9 at every point where a verb writes: the next call repairs it or says what is the matter."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.conftest import BLUE, GREEN, RELEASES, Host

POINTS = ("replace", "fsync", "link", "symlink", "mkdir", "unlink", "write", "utime")
Action = Callable[[Host], dict[str, Any]]


def ship(host: Host) -> dict[str, Any]:
    """Send and assemble the second release."""
    return host.ship(RELEASES[1], {"dist/main.js": b"new", "a/b/c.js": b"c"})


def start(host: Host) -> dict[str, Any]:
    """Start it."""
    return host.call("start", release=RELEASES[1], colour=GREEN)


def flip(host: Host) -> dict[str, Any]:
    """Make it live."""
    return host.call("flip", colour=GREEN, confirm_seconds=60)


def canary(host: Host) -> dict[str, Any]:
    """A part of the requests first."""
    return host.call("flip", colour=GREEN, confirm_seconds=60, share=3)


def widen(host: Host) -> dict[str, Any]:
    """A larger part."""
    return host.call("flip", colour=GREEN, confirm_seconds=60, share=5)


def overdue(host: Host) -> dict[str, Any]:
    """The time of whoever had to confirm is up."""
    return host.call("hold", colour=GREEN, confirm_seconds=0)


def confirm(host: Host) -> dict[str, Any]:
    """Keep it."""
    return host.call("confirm", colour=GREEN, release=RELEASES[1])


def prune(host: Host) -> dict[str, Any]:
    """Remove what is old."""
    return host.call("prune", keep=1)


STEPS: tuple[Action, ...] = (ship, start, canary, widen, flip, confirm, prune)


def killed_at(host: Host, action: Action, point: int) -> bool:
    """Run an action in a process that is killed at its n-th write. Returns: whether it came that far."""
    process = os.fork()
    if process == 0:
        _arm(point)
        try:
            action(host)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def _arm(point: int) -> None:
    left = [point]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for name in POINTS:
        setattr(os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
def test_a_verb_killed_anywhere_succeeds_when_it_is_called_again(tmp_path: Path, step: int) -> None:
    """And in between the host's state can be read, and the live pool is one that runs."""
    point = 0
    while True:
        host = Host(tmp_path / str(point))
        host.provision()
        host.lock()
        host.live(RELEASES[0], BLUE)
        for before in STEPS[:step]:
            assert before(host)["event"] == "result"
        came_that_far = killed_at(host, STEPS[step], point)
        facts = host.call("facts")
        assert facts["event"] == "result"
        assert facts["pools"][facts["live"]] is not None
        assert STEPS[step](host)["event"] == "result", (STEPS[step].__name__, point)
        assert host.call("facts")["live"] == (GREEN if step >= STEPS.index(flip) else BLUE), point
        if not came_that_far:
            break
        point += 1
    assert point > 2


def return_(host: Host) -> dict[str, Any]:
    """What the timer calls."""
    return host.words(["return", "--request", '{"protocol":1,"app":"shop"}'])


def boot(host: Host) -> dict[str, Any]:
    """What the host's start calls."""
    return host.words(["boot"])


def drain(host: Host) -> dict[str, Any]:
    """Schedule it, and what the unit calls."""
    host.call("drain", colour=BLUE, timeout_seconds=0)
    return host.words(["drain", "--request", '{"protocol":1,"app":"shop","colour":"blue"}'])


def lock(host: Host) -> dict[str, Any]:
    """Give the lock back and take it again."""
    host.call("unlock", force=True)
    answer = host.call("lock", message="m", owner={"pid": 7}, lease_seconds=600)
    host.token = answer["token"]
    return answer


@pytest.mark.parametrize(
    ("before", "action", "live", "left"),
    [
        ((ship, start, flip, overdue), return_, BLUE, {BLUE, GREEN}),
        ((ship, start, flip), boot, BLUE, {BLUE, GREEN}),
        ((ship, start, canary, overdue), return_, BLUE, {BLUE, GREEN}),
        ((ship, start, canary, widen), boot, BLUE, {BLUE, GREEN}),
        ((ship, start, flip, confirm), drain, GREEN, {GREEN}),
        ((), lock, BLUE, {BLUE}),
    ],
    ids=["return", "boot", "return from a canary", "boot in a canary", "drain", "lock"],
)
def test_what_units_call_ends_the_same_when_it_is_killed_and_called_again(
    tmp_path: Path, before: tuple[Action, ...], action: Action, live: str, left: set[str]
) -> None:
    """systemd, the next boot or the next command calls it again: one route, the right pools, nothing pending."""
    point, came_that_far = 0, True
    while came_that_far:
        host = Host(tmp_path / str(point))
        host.provision()
        host.lock()
        host.live(RELEASES[0], BLUE)
        for earlier in before:
            assert earlier(host)["event"] == "result"
        came_that_far = killed_at(host, action, point)
        assert action(host)["event"] == "result", point
        facts = host.call("facts")
        assert (facts["live"], facts["pending"]) == (live, None), point
        assert not host.app.canary(GREEN).exists(), point
        assert {colour for colour, pool in facts["pools"].items() if pool} == left, point
        assert host.call("stop", colour=GREEN if live == BLUE else BLUE)["event"] == "result", point
        point += 1
    assert point > 2
