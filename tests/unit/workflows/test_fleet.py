"""Reaching the hosts of an app: facts, locks, and what is left when a command ends."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable, LockHeld
from orchestrator.report import status
from orchestrator.workflows import fleet, releases
from tests.support.fleet import APP, FakeFleet, stage

STAGE = stage("web-1", "web-2")
CONFIG = AppConfig(app=APP)


def test_a_lock_does_not_outlive_its_command() -> None:
    """Whatever stops the command, the hosts are free for the next one, from any machine."""
    hosts = FakeFleet(STAGE)
    with suppress(RuntimeError), fleet.opened(CONFIG, STAGE, lambda *_: hosts) as context:
        fleet.lock(context, "web-1", "release")
        raise RuntimeError
    assert hosts.hosts["web-1"].lock is None


def test_a_lock_of_a_dead_process_is_taken_over() -> None:
    """Its process ran on this machine and is gone."""
    hosts = FakeFleet(STAGE)
    with fleet.opened(CONFIG, STAGE, lambda *_: hosts) as context:
        gone = context.owner.as_dict() | {"pid": 2**22 + 1}
        hosts.hosts["web-1"].lock = {"owner": gone, "message": "release"}
        fleet.lock(context, "web-1", "release again")
        assert hosts.hosts["web-1"].lock == {"owner": context.owner.as_dict(), "message": "release again"}


def test_two_heirs_of_a_dead_process_do_not_rob_each_other() -> None:
    """Both saw it dead; the second finds the first one's lock and leaves it alone."""
    hosts = FakeFleet(STAGE)
    with fleet.opened(CONFIG, STAGE, lambda *_: hosts) as context:
        gone = context.owner.as_dict() | {"pid": 2**22 + 1}
        other: dict[str, Any] = context.owner.as_dict() | {"pid": 1}
        hosts.hosts["web-1"].lock = {"owner": gone, "message": "release"}
        seen: list[str] = []

        def quicker(_: str, verb: str) -> None:
            seen.append(verb)
            if seen == ["lock", "facts", "lock"]:
                hosts.hosts["web-1"].lock = {"owner": other, "message": "theirs"}

        hosts.fail = quicker
        with pytest.raises(LockHeld):
            fleet.lock(context, "web-1", "mine")
    assert hosts.hosts["web-1"].lock == {"owner": other, "message": "theirs"}


def test_a_lock_of_another_machine_is_respected() -> None:
    """Whether its process lives cannot be known from here."""
    hosts = FakeFleet(STAGE)
    with fleet.opened(CONFIG, STAGE, lambda *_: hosts) as context:
        other: dict[str, Any] = context.owner.as_dict() | {"machine_id": "other/boot"}
        hosts.hosts["web-1"].lock = {"owner": other, "message": "release"}
        with pytest.raises(LockHeld):
            fleet.lock(context, "web-1", "mine")
    assert hosts.hosts["web-1"].lock == {"owner": other, "message": "release"}


def test_a_host_that_is_out_is_not_waited_for() -> None:
    """A dead one takes seconds not to answer; a release has no use for its answer."""
    hosts, answered = FakeFleet(STAGE), threading.Event()
    hosts.hosts["web-1"].out = {"web-2": {"by": "ann@laptop", "since": "now", "dead": True}}

    def slow(host: str, verb: str) -> None:
        if host == "web-2":
            answered.wait(60)

    hosts.fail = slow
    with fleet.opened(CONFIG, STAGE, lambda *_: hosts) as context:
        facts = context.facts()
        assert ([one.name for one in facts.hosts], facts.away) == (["web-1"], ())
        answered.set()
        assert [one.name for one in context.facts(also=["web-2"]).away] == ["web-2"]


def test_every_unreachable_host_is_named() -> None:
    """Not one a run."""

    def fail(host: str, verb: str) -> None:
        raise HostUnreachable("no SSH connection", host=host)

    with (
        fleet.opened(CONFIG, STAGE, lambda *_: FakeFleet(STAGE, fail)) as context,
        pytest.raises(HostUnreachable) as caught,
    ):
        context.facts()
    assert caught.value.host == "web-1"
    assert caught.value.why == "also on web-2: no SSH connection"


def test_status_shows_the_others_where_one_host_is_down() -> None:
    """Which host, why and what to do; not a word less about the rest."""
    hosts = FakeFleet(STAGE)

    def fail(host: str, _: str) -> None:
        if host == "web-2":
            raise HostUnreachable(
                "no SSH connection", host=host, why="timed out", next="look whether it is up"
            )

    hosts.fail = fail
    seen = releases.run(CONFIG, STAGE, lambda *_: hosts)
    assert [host.name for host in seen.facts.hosts] == ["web-1"]
    shown = status.text(seen.app, seen.url, seen.facts, seen.silent)
    assert "no answer from web-2: no SSH connection: timed out\n  next: look whether it is up\n" in shown
    assert "vpsdeploy host drain web-2 --dead --stage production" in shown
    assert status.fields(seen.app, seen.url, seen.facts, seen.silent)["unreachable"][0]["host"] == "web-2"


def test_status_fails_where_no_host_answers() -> None:
    """There is nothing to show."""
    hosts = FakeFleet(STAGE)

    def fail(host: str, _: str) -> None:
        raise HostUnreachable("no SSH connection", host=host)

    hosts.fail = fail
    with pytest.raises(HostUnreachable, match="no SSH connection"):
        releases.run(CONFIG, STAGE, lambda *_: hosts)
