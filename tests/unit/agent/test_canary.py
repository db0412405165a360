"""A share of the requests: what nginx finds on disk, and who takes it away again."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from orchestrator.agent import mutex, pending
from tests.unit.agent.conftest import BLUE, GREEN, RELEASES, Host

TIMER = ["return", "--request", '{"protocol":1,"app":"shop"}']


def numbers(host: Host, colour: str = GREEN) -> list[int]:
    """The numbers of the requests that go to a pool that is not live."""
    there = host.app.canary(colour)
    return sorted(int(path.name) for path in there.iterdir()) if there.exists() else []


def canary(host: Host, share: int) -> None:
    """Give green a share."""
    answer = host.call("flip", colour=GREEN, confirm_seconds=60, share=share)
    assert answer["changed"] is True


def put_off(host: Host, seconds: float) -> None:
    """What another process of the agent does at `hold`."""
    pending.write(host.app, pending.read(host.app) or {}, seconds)


@pytest.fixture(name="two")
def _two(host: Host) -> Host:
    """Blue is live, green runs the next release."""
    host.live(RELEASES[0], BLUE)
    host.ship(RELEASES[1])
    host.call("start", release=RELEASES[1], colour=GREEN)
    return host


def test_a_share_is_a_file_for_each_hundredth(two: Host) -> None:
    """Blue stays live; www-data can read what nginx looks at."""
    canary(two, 5)
    assert numbers(two) == [0, 1, 2, 3, 4]
    facts = two.call("facts")
    assert (facts["live"], facts["pending"]["to"], facts["pending"]["share"]) == (BLUE, GREEN, 5)
    assert two.app.canary(GREEN).stat().st_mode & 0o005 == 0o005
    assert "vpsdeploy-return-shop.timer" in two.systemd.running


def test_a_larger_share_takes_the_place_of_a_smaller_one(two: Host) -> None:
    """At once, with the same timer, and nothing is left of the first."""
    canary(two, 5)
    two.systemd.told.clear()
    canary(two, 25)
    assert numbers(two) == list(range(25))
    assert "systemd-run" not in {words[0] for words in two.systemd.told}
    assert [path.name for path in two.app.routes.glob(".share-*")] == [".share-25"]


def test_the_flip_ends_the_canary(two: Host) -> None:
    """Green is live for all, blue has no share; the confirmation leaves only the marker."""
    canary(two, 5)
    assert two.call("flip", colour=GREEN, confirm_seconds=60)["changed"] is True
    assert (two.call("facts")["live"], numbers(two), numbers(two, BLUE)) == (GREEN, [], [])
    assert two.call("facts")["pending"]["from"] == BLUE
    two.call("confirm", colour=GREEN, release=RELEASES[1])
    assert [path.name for path in two.app.routes.iterdir()] == ["green"]


def test_a_canary_is_returned(two: Host) -> None:
    """And the history says why."""
    canary(two, 5)
    assert two.call("return", why="40 of 100 requests failed")["returned"] is True
    assert numbers(two) == []
    (line,) = two.call("history", lines=1)["lines"]
    assert line["figures"] == {"share": 5, "why": "40 of 100 requests failed"}


def test_a_canary_cannot_be_confirmed(two: Host) -> None:
    """A part of the requests is not the release."""
    canary(two, 5)
    assert two.call("confirm", colour=GREEN, release=RELEASES[1])["kind"] == "ReleaseFailed"


@pytest.mark.parametrize("verb", ["stop", "drain"])
def test_the_pool_of_a_canary_is_neither_stopped_nor_drained(two: Host, verb: str) -> None:
    """Users are on it."""
    canary(two, 5)
    assert two.call(verb, colour=GREEN, timeout_seconds=1)["kind"] == "ReleaseFailed"
    assert "shop@4101.service" in two.systemd.running


@pytest.mark.parametrize("share", [0, 101, -1, True, "5"])
def test_a_share_is_from_1_to_100(two: Host, share: object) -> None:
    """Anything else is refused, and nothing is touched."""
    answer = two.call("flip", colour=GREEN, confirm_seconds=60, share=share)
    assert answer["kind"] == "UsageError"
    assert two.call("facts")["pending"] is None


def test_a_timer_that_was_put_off_waits(two: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wakes at the first time; held meanwhile, it takes the flip back only after the second."""
    two.call("flip", colour=GREEN, confirm_seconds=0)
    two.call("hold", colour=GREEN, confirm_seconds=60)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            put_off(two, 0)

    monkeypatch.setattr(time, "sleep", sleep)
    assert two.words(TIMER)["returned"] is True
    assert len(slept) == 3
    assert two.call("facts")["live"] == BLUE


def test_a_timer_that_is_put_off_at_the_last_moment_waits_on(
    two: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time was over, and a `hold` had the mutex: it must not end, or nothing would take the flip back any more."""
    two.call("flip", colour=GREEN, confirm_seconds=0)
    held = mutex.held
    slept: list[float] = []

    def late(path: Path, wait_seconds: float) -> AbstractContextManager[None]:
        if not slept:
            put_off(two, 60)
        return held(path, wait_seconds)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        put_off(two, 0)

    monkeypatch.setattr(mutex, "held", late)
    monkeypatch.setattr(time, "sleep", sleep)
    assert two.words(TIMER)["returned"] is True
    assert (len(slept), two.call("facts")["live"]) == (1, BLUE)


def test_a_timer_that_is_not_needed_any_more_ends(two: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirmed while it waited: nothing is taken back."""
    two.call("flip", colour=GREEN, confirm_seconds=60)
    monkeypatch.setattr(time, "sleep", lambda _: two.app.pending_file.unlink())
    assert two.words(TIMER)["returned"] is False
    assert two.call("facts")["live"] == GREEN


def test_the_clock_of_the_host_does_not_move_the_timer(two: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour forward or back while a flip is pending: it goes neither earlier nor later."""
    two.call("flip", colour=GREEN, confirm_seconds=60)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    asked: list[float] = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        put_off(two, 0)

    monkeypatch.setattr(time, "sleep", sleep)
    assert two.words(TIMER)["returned"] is True
    assert len(asked) == 1


def test_what_was_taken_back_cannot_be_held(two: Host) -> None:
    """The controller learns that it came too late."""
    two.call("flip", colour=GREEN, confirm_seconds=60)
    two.call("return")
    answer = two.call("hold", colour=GREEN, confirm_seconds=60)
    assert (answer["kind"], "taken back" in answer["why"]) == ("ReleaseFailed", True)


def test_boot_ends_a_canary(two: Host) -> None:
    """Timers do not survive a boot."""
    canary(two, 25)
    two.words(["boot"])
    assert (numbers(two), two.call("facts")["pending"]) == ([], None)
