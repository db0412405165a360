"""start, stop, flip, confirm, return, drain, boot, prune: what runs and who is live."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.agent.verbs import gate
from tests.unit.agent.conftest import BLUE, GREEN, RELEASES, Host


def test_start_runs_the_instances_of_a_pool(host: Host) -> None:
    """Slots, drop-in and record agree, and the units run."""
    host.ship(RELEASES[0], env={"A": 'x"y'})
    assert host.call("start", release=RELEASES[0], colour=BLUE)["ports"] == [4001, 4002]
    assert host.systemd.running == {"shop@4001.service", "shop@4002.service"}
    assert (
        (host.app.slot(4001) / "env")
        .read_text()
        .startswith('NODE_ENV="production"\nA="x\\"y"\nPORT="4001"\n')
    )
    assert "MemoryMax=536870912\n" in host.app.drop_in(4001).read_text()


def test_an_app_that_reads_port_in_small_letters_listens_where_it_should(host: Host) -> None:
    """`nest generate app` writes process.env.port; an app that uses the name for something else keeps its own."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=BLUE)
    assert '\nport="4002"\n' in (host.app.slot(4002) / "env").read_text()
    host.ship(RELEASES[1], env={"port": "COM1"})
    host.call("start", release=RELEASES[1], colour=GREEN)
    assert '\nport="COM1"\n' in (host.app.slot(4101) / "env").read_text()


def test_a_second_start_of_the_same_release_keeps_it_warm(host: Host) -> None:
    """Nothing is restarted."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=BLUE)
    assert host.call("start", release=RELEASES[0], colour=BLUE)["warm"] is True


def test_the_live_pool_cannot_be_overwritten_stopped_or_drained(host: Host) -> None:
    """Each of the three would drop requests."""
    host.live(RELEASES[0], BLUE)
    host.ship(RELEASES[1])
    for answer in (
        host.call("start", release=RELEASES[1], colour=BLUE),
        host.call("stop", colour=BLUE),
        host.call("drain", colour=BLUE, timeout_seconds=1),
    ):
        assert answer["kind"] == "ReleaseFailed"
    assert host.systemd.running == {"shop@4001.service", "shop@4002.service"}


def test_a_first_release_that_failed_can_be_stopped(host: Host) -> None:
    """Blue is live by default, but nobody confirmed it."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=BLUE)
    assert host.call("stop", colour=BLUE)["stopped"] is True


def test_a_flip_arms_its_timer_and_goes_back_without_a_confirm(host: Host) -> None:
    """What the timer calls puts blue back and leaves nothing pending."""
    host.live(RELEASES[0], BLUE)
    assert host.call("flip", colour=GREEN, confirm_seconds=0)["from"] == BLUE
    assert (host.app.green_marker.exists(), "vpsdeploy-return-shop.timer" in host.systemd.running) == (
        True,
        True,
    )
    answer = host.words(["return", "--request", '{"protocol":1,"app":"shop"}'])
    assert (answer["returned"], answer["live"]) == (True, BLUE)
    assert host.call("facts")["pending"] is None
    assert host.call("confirm", colour=GREEN, release=RELEASES[0])["kind"] == "ReleaseFailed"


def test_returning_twice_is_no_error(host: Host) -> None:
    """The second time there is nothing to undo."""
    host.call("flip", colour=GREEN, confirm_seconds=60)
    assert [host.call("return")["returned"] for _ in range(2)] == [True, False]


def test_confirm_stops_the_timer_and_names_the_release(host: Host) -> None:
    """`current` is what people and cron follow."""
    host.live(RELEASES[0], GREEN)
    assert host.app.current.readlink().name == RELEASES[0]
    assert "vpsdeploy-return-shop.timer" not in host.systemd.running
    assert not host.app.pending_file.exists()


def test_flipping_to_the_live_pool_changes_nothing(host: Host) -> None:
    """And it says so."""
    assert host.call("flip", colour=BLUE, confirm_seconds=60)["changed"] is False


def test_flipping_back_during_a_flip_leaves_nothing_pending(host: Host) -> None:
    """The confirmed pool needs no timer."""
    host.call("flip", colour=GREEN, confirm_seconds=60)
    assert host.call("flip", colour=BLUE, confirm_seconds=60)["changed"] is True
    assert host.call("facts")["pending"] is None


def test_a_drained_pool_is_stopped_and_history_says_what_was_cut(host: Host) -> None:
    """One connection that stays open until the deadline is counted."""
    host.live(RELEASES[0], BLUE)
    host.live(RELEASES[1], GREEN)
    (host.layout.proc / "net/tcp").write_text(f"head\n 0: 0100007F:{4001:04X} 0100007F:9999 01 rest\n")
    assert host.call("drain", colour=BLUE, timeout_seconds=0)["scheduled"] is True
    host.words(["drain", "--request", '{"protocol":1,"app":"shop","colour":"blue"}'])
    (line,) = host.call("history", lines=1)["lines"]
    assert (host.call("facts")["pools"][BLUE], line["figures"]["cut_connections"]) == (None, 1)
    assert "shop@4101.service" in host.systemd.running
    assert "shop@4001.service" not in host.systemd.running


def test_a_release_that_is_still_draining_comes_back_warm(host: Host) -> None:
    """A quick rollback restarts nothing and cancels the drain."""
    host.live(RELEASES[0], BLUE)
    host.live(RELEASES[1], GREEN)
    host.call("drain", colour=BLUE, timeout_seconds=60)
    assert host.call("start", release=RELEASES[0], colour=BLUE)["warm"] is True
    assert host.call("facts")["pools"][BLUE]["state"] == "running"
    assert "vpsdeploy-drain-shop.service" not in host.systemd.running


def test_boot_takes_back_a_flip_and_starts_what_should_run(host: Host) -> None:
    """After a power loss the confirmed pool is live and both recorded pools are started."""
    host.live(RELEASES[0], BLUE)
    host.ship(RELEASES[1])
    host.call("start", release=RELEASES[1], colour=GREEN)
    host.call("flip", colour=GREEN, confirm_seconds=60)
    host.systemd.running.clear()
    host.words(["boot"])
    assert host.call("facts")["live"] == BLUE
    assert host.systemd.running >= {"shop@4001.service", "shop@4101.service"}


def test_prune_never_removes_what_runs_or_the_previous_release(host: Host) -> None:
    """Failed releases that are newer do not push them out; files that nobody links go."""
    host.live(RELEASES[0], BLUE)
    host.live(RELEASES[1], GREEN)
    host.call("stop", colour=BLUE)
    host.ship(RELEASES[2], {"dist/main.js": b"other"})
    host.ship("20261122000004-dddddddd", {"dist/main.js": b"third"})
    answer = host.call("prune", keep=1)
    assert (answer["removed"], answer["files"]) == ([RELEASES[2]], 1)


def test_a_route_is_confirmed_where_no_pool_runs_yet(host: Host) -> None:
    """A host that was added: its nginx follows the fleet before its first release."""
    host.call("flip", colour=GREEN, confirm_seconds=60)
    answer = host.call("confirm", colour=GREEN, release=RELEASES[0], route_only=True)
    assert (answer["live"], answer["current"], host.call("facts")["pending"]) == (GREEN, None, None)


def test_a_host_without_a_route_keeps_the_pool_that_was_confirmed(host: Host) -> None:
    """A controller whose facts are stale cannot make an app host stop or overwrite what users are on."""
    host.app.routes.rmdir()
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=GREEN)
    host.call("confirm", colour=GREEN, release=RELEASES[0])
    host.ship(RELEASES[1])
    for answer in (
        host.call("start", release=RELEASES[1], colour=GREEN), host.call("stop", colour=GREEN)
    ):  # fmt: skip
        assert answer["kind"] == "ReleaseFailed"
    assert host.systemd.running == {"shop@4101.service", "shop@4102.service"}


def test_a_pool_that_is_live_but_not_yet_named_current_cannot_be_stopped(host: Host) -> None:
    """A confirm killed between its two writes leaves `current` behind; users are on the new pool."""
    host.live(RELEASES[0], BLUE)
    host.live(RELEASES[1], GREEN)
    host.app.current.unlink()
    host.app.current.symlink_to(f"releases/{RELEASES[0]}")
    assert host.call("stop", colour=GREEN)["kind"] == "ReleaseFailed"


def test_units_are_read_again_where_an_earlier_start_was_killed_before_it_could(host: Host) -> None:
    """The drop-in is right on disk, but systemd still has the last release's."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=GREEN)
    host.call("stop", colour=GREEN)
    host.systemd.told.clear()
    host.systemd.outdated = True
    host.call("start", release=RELEASES[0], colour=GREEN)
    assert ["systemctl", "daemon-reload"] in host.systemd.told


def test_history_that_finds_no_room_does_not_fail_a_flip(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The route has changed by then: an error would say that nothing was."""
    from orchestrator.agent import history

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(history, "append", full)
    assert host.call("flip", colour=GREEN, confirm_seconds=60)["changed"] is True


def test_an_answer_that_never_ends_does_not_hold_the_gate(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that sends a byte now and then begins each wait for the next one anew."""
    monkeypatch.setattr(gate, "_STUCK_SECONDS", 0.1)
    monkeypatch.setattr(gate._Probe, "_ask", lambda _: threading.Event().wait())
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=GREEN)
    answer = host.call("gate", colour=GREEN, path="/", timeout_seconds=0.1, interval_seconds=0.1)
    assert (answer["kind"], answer["what"]) == ("ReleaseFailed", "health check failed")


def test_the_way_back_is_tried_for_as_long_as_it_fails(host: Host) -> None:
    """By default five quick failures (a disk that is full) end a unit, and nobody would take the flip back any more."""
    host.live(RELEASES[0], BLUE)
    host.call("flip", colour=GREEN, confirm_seconds=60)
    (timer,) = [words for words in host.systemd.told if "--unit=vpsdeploy-return-shop" in words][-1:]
    assert {"--property=Restart=on-failure", "--property=StartLimitIntervalSec=0"} <= set(timer)


def test_the_way_back_needs_no_room_on_the_disk(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flip to blue put green's marker aside; a disk that is full since then does not keep blue live."""
    host.live(RELEASES[0], GREEN)
    host.ship(RELEASES[1])
    host.call("start", release=RELEASES[1], colour=BLUE)
    host.call("flip", colour=BLUE, confirm_seconds=0)

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.touch", full)
    monkeypatch.setattr("os.open", _only_reading(full))
    answer = host.words(["return", "--request", '{"protocol":1,"app":"shop"}'])
    assert (answer["returned"], answer["live"]) == (True, GREEN)


def _only_reading(otherwise: Callable[..., int]) -> Callable[..., int]:
    """Makes no new file."""
    real = os.open

    def opened(path: str, flags: int, *more: int, **named: int) -> int:
        is_new = flags & os.O_CREAT and not Path(path).exists()
        return otherwise() if is_new else real(path, flags, *more, **named)

    return opened
