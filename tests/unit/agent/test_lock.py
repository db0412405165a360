"""A person's lock, the queue for a lock, and the story that comes with its return."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from orchestrator.agent import turns
from tests.unit.agent.conftest import Host

ANN, BOB = {"user": "ann", "host": "laptop", "pid": 1}, {"user": "bob", "host": "ci", "pid": 2}
CHANGE = "00112233aabbccdd"


def take(host: Host, owner: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Ask for the lock without a token."""
    host.token = ""
    return host.call("lock", owner=owner, **{"message": "m", "lease_seconds": 60, **more})


def end(host: Host, by: str, **more: Any) -> dict[str, Any]:
    """Ask for its end without a token."""
    host.token = ""
    return host.call("unlock", by=by, **more)


def test_a_persons_lock_outlives_its_lease_and_its_process(bare: Host) -> None:
    """Neither time nor a dead owner makes it stale."""
    take(bare, ANN, manual=True, message="freeze")
    os.utime(bare.app.lock_file, (0, 0))
    refused = take(bare, BOB, dead_owner=ANN)
    assert (refused["kind"], refused["what"]) == ("LockHeld", "the app is locked")
    assert "ann@laptop holds the lock since" in refused["why"]
    assert "freeze" in refused["why"]
    assert "vpsdeploy unlock --force" in refused["next"]
    assert bare.call("facts")["lock"]["lease_left_seconds"] is None


def test_a_persons_lock_keeps_its_owner_out_too(bare: Host) -> None:
    """Who locked for maintenance does not release by accident: unlock comes first."""
    take(bare, ANN, manual=True)
    assert take(bare, ANN)["kind"] == "LockHeld"


def test_locking_again_changes_the_message_and_keeps_the_time(bare: Host) -> None:
    """From whichever process of the same person; the answer says that the lock was there."""
    assert take(bare, ANN, manual=True, message="one")["again"] is False
    since = bare.call("facts")["lock"]["taken_at"]
    assert take(bare, {**ANN, "pid": 9}, manual=True, message="two")["again"] is True
    lock = bare.call("facts")["lock"]
    assert (lock["message"], lock["taken_at"]) == ("two", since)


def test_only_its_person_or_force_ends_a_persons_lock(bare: Host) -> None:
    """Both ends are in the history, with the one who did it and the one who held it."""
    take(bare, ANN, manual=True, message="freeze")
    assert end(bare, "bob@ci")["kind"] == "LockHeld"
    assert end(bare, "ann@laptop")["was"]["message"] == "freeze"
    take(bare, ANN, manual=True, message="freeze")
    assert end(bare, "bob@ci", force=True)["released"] is True
    lines = bare.call("history", lines=9)["lines"]
    assert [(line["verb"], line["by"], line["from"]) for line in lines if line["verb"] == "unlock"] == [
        ("unlock", "ann@laptop", "ann@laptop"),
        ("unlock", "bob@ci", "ann@laptop"),
    ]


def test_a_stale_lock_of_a_release_can_be_ended_without_force(bare: Host) -> None:
    """Its lease has run out, or the caller knows its owner to be gone; while it may live, not."""
    take(bare, ANN)
    assert end(bare, "bob@ci")["kind"] == "LockHeld"
    assert end(bare, "bob@ci", dead_owner=ANN)["released"] is True
    take(bare, ANN)
    os.utime(bare.app.lock_file, (0, 0))
    assert end(bare, "bob@ci")["released"] is True


def test_a_take_over_is_in_the_history(bare: Host) -> None:
    """With whose lock it was."""
    take(bare, ANN, message="release 1")
    os.utime(bare.app.lock_file, (0, 0))
    take(bare, BOB)
    (line,) = bare.call("history", lines=9)["lines"]
    assert (line["result"], line["from"], line["figures"]) == (
        "taken over", "ann@laptop", {"message": "release 1"},
    )  # fmt: skip


def test_who_waits_first_is_first(bare: Host) -> None:
    """A free lock goes to the head of the queue, whoever asks earlier."""
    carl = {"user": "carl", "host": "desk", "pid": 3}
    token = take(bare, ANN)["token"]
    assert take(bare, BOB, wait=True)["ahead"] == 0
    assert take(bare, carl, wait=True)["ahead"] == 1
    bare.call("unlock", token=token)
    overtaking = take(bare, carl, wait=True)
    assert (overtaking["kind"], overtaking["what"]) == ("LockHeld", "others wait for the lock")
    assert "bob@ci" in overtaking["why"]
    assert "token" in take(bare, BOB, wait=True)
    assert bare.call("facts")["lock"]["owner"] == BOB


def test_who_does_not_wait_does_not_overtake(bare: Host) -> None:
    """A release without --wait fails while others wait for the free lock."""
    token = take(bare, ANN)["token"]
    take(bare, BOB, wait=True)
    bare.call("unlock", token=token)
    assert take(bare, ANN)["what"] == "others wait for the lock"


def test_a_place_in_the_queue_is_lost_by_silence(bare: Host) -> None:
    """A controller that died while it waited holds nobody up; nothing of the queue stays on the disk."""
    token = take(bare, ANN)["token"]
    take(bare, BOB, wait=True)
    bare.call("unlock", token=token)
    places = json.loads(bare.app.waiting_file.read_text())
    places[0]["seen"] = time.time() - turns.KEPT_SECONDS - 1
    bare.app.waiting_file.write_text(json.dumps(places))
    assert "token" in take(bare, ANN)
    assert not bare.app.waiting_file.exists()


def test_who_gives_up_leaves_the_queue(bare: Host) -> None:
    """The last attempt of a wait asks without `wait`."""
    take(bare, ANN)
    take(bare, BOB, wait=True)
    take(bare, BOB)
    assert turns.waiting(bare.app.waiting_file) == []


def test_the_holder_is_not_kept_out_by_those_who_wait(bare: Host) -> None:
    """It asks again where its first answer was lost."""
    token = take(bare, ANN)["token"]
    take(bare, BOB, wait=True)
    assert take(bare, ANN)["token"] == token


def test_the_end_of_a_change_is_told_with_the_locks_return(host: Host) -> None:
    """One line with the command, its ends, its result and its figures, under the change's id."""
    entry = {"command": "release", "from": "a", "to": "b", "result": "live", "figures": {"seconds": 2.5}}
    host.call("unlock", entry=entry, change=CHANGE)
    (line,) = host.call("history", lines=9)["lines"]
    assert (line["verb"], line["summary"], line["change"]) == ("release", True, CHANGE)
    assert (line["from"], line["to"], line["result"], line["figures"]) == ("a", "b", "live", {"seconds": 2.5})


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"command": "x\ny", "figures": {}},
        {"command": "release"},
        {"command": "release", "figures": {"x": "y" * 20_000}},
    ],
)
def test_a_story_that_is_none_is_refused(host: Host, entry: Any) -> None:
    """Nothing is written, and the lock stays."""
    assert host.call("unlock", entry=entry)["kind"] == "UsageError"
    assert host.call("history", lines=9)["lines"] == []
    assert host.call("renew")["event"] == "result"


def test_every_line_names_its_change(host: Host) -> None:
    """The confirmation of a flip too, and its return by a timer, whose own request names the change."""
    host.ship("20261122000001-aaaaaaaa")
    host.call("start", release="20261122000001-aaaaaaaa", colour="green", change=CHANGE)
    host.call("flip", colour="green", confirm_seconds=60, change=CHANGE)
    host.call("return", change="ffffffffffffffff")
    lines = host.call("history", lines=9)["lines"]
    assert [(line["verb"], line["change"]) for line in lines] == [
        ("start", CHANGE),
        ("flip", CHANGE),
        ("return", CHANGE),
    ]
    timer = next(words for words in host.systemd.told if "return" in words)
    assert json.loads(timer[-1])["change"] == CHANGE


def test_a_change_has_an_id_of_one_form(host: Host) -> None:
    """It goes into a file that people read."""
    assert host.call("flip", colour="green", confirm_seconds=60, change="../x")["kind"] == "UsageError"
