"""The protocol, the lock, the history."""

from __future__ import annotations

import errno
import json
import os

import pytest

from orchestrator.agent import main
from orchestrator.agent.systemd import Systemd
from orchestrator.agent.verbs import assemble
from tests.unit.agent.conftest import BLUE, RELEASES, Host


@pytest.mark.parametrize(
    ("words", "text", "kind"),
    [
        (["nope"], b"{}", "UsageError"),
        ([], b"", "UsageError"),
        (["facts"], b"not json\n", "UsageError"),
        (["facts"], b"[]\n", "UsageError"),
        (["facts"], b'{"protocol": 2}\n', "HostNotReady"),
        (["start"], b'{"protocol": 1}\n', "UsageError"),
        (["facts"], b'{"protocol": 1, "app": "../x"}\n', "UsageError"),
    ],
)
def test_a_wrong_request_gets_one_clear_line(bare: Host, words: list[str], text: bytes, kind: str) -> None:
    """No traceback, no second line."""
    assert bare.words(words, text)["kind"] == kind
    assert len(bare.lines) == 1


def test_verbs_that_change_something_need_the_lock(bare: Host) -> None:
    """Without its token nothing is touched."""
    for verb in (
        "offer",
        "receive",
        "assemble",
        "start",
        "gate",
        "flip",
        "hold",
        "traffic",
        "instances",
        "confirm",
        "return",
        "drain",
        "stop",
        "prune",
    ):
        assert bare.call(verb, colour=BLUE)["kind"] == "LockHeld", verb


def test_an_endless_request_of_exec_is_cut(bare: Host) -> None:
    """It is read byte by byte, so it is the one request that could grow for ever."""
    answers, endless = bare.layout.root / "out", bare.layout.root / "endless"
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    with answers.open("wb") as out, endless.open("rb") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "_MOST_EXEC_BYTES", 1000)
        assert main.run(["exec"], stream, out.fileno(), bare.layout, Systemd(bare.systemd)) == 1
    assert json.loads(answers.read_bytes())["kind"] == "UsageError"


def test_the_lock_is_for_one_owner(host: Host) -> None:
    """Another one is told who holds it; the same one gets its token again; the token is shown to nobody."""
    other = host.call("lock", message="x", owner={"pid": 0}, lease_seconds=1)
    assert (other["kind"], other["message"]) == ("LockHeld", "m")
    assert (
        host.call("lock", message="m", owner={"pid": os.getpid()}, lease_seconds=600)["token"] == host.token
    )
    assert "token" not in host.call("facts")["lock"]


def test_a_lock_whose_lease_ran_out_is_taken_over(host: Host) -> None:
    """The old owner then holds nothing any more."""
    os.utime(host.app.lock_file, (0, 0))
    taken = host.call("lock", message="x", owner={"pid": 0}, lease_seconds=60)
    assert taken["taken_over"]["owner"] == {"pid": os.getpid()}
    assert host.call("prune", keep=3)["kind"] == "LockHeld"


def test_a_lock_is_taken_over_from_the_dead_owner_that_was_named_and_no_other(host: Host) -> None:
    """Between a controller's look and its verb another may have taken over."""
    mine, another = {"pid": -1}, {"pid": -2}
    refused = host.call("lock", message="n", owner=mine, dead_owner=another, lease_seconds=1)
    assert refused["kind"] == "LockHeld"
    taken = host.call("lock", message="n", owner=mine, dead_owner={"pid": os.getpid()}, lease_seconds=1)
    assert (taken["event"], taken["taken_over"]["owner"]) == ("result", {"pid": os.getpid()})


def test_a_verb_renews_the_lease(host: Host) -> None:
    """A long release does not lose its lock."""
    os.utime(host.app.lock_file, (0, 0))
    host.call("prune", keep=3)
    assert host.call("facts")["lock"]["lease_left_seconds"] > 500


def test_renew_is_for_the_holder_and_takes_no_lock(host: Host) -> None:
    """A lock that was given back is not taken again by a late renewal."""
    os.utime(host.app.lock_file, (1, 1))
    assert host.call("renew")["event"] == "result"
    assert host.call("facts")["lock"]["lease_left_seconds"] > 500
    host.call("unlock")
    assert host.call("renew")["kind"] == "LockHeld"
    assert host.call("facts")["lock"] is None


def test_unlock_by_force_needs_no_token(host: Host) -> None:
    """For a controller that is gone."""
    host.token = "f" * 32
    assert host.call("unlock")["kind"] == "LockHeld"
    assert [host.call("unlock", force=True)["released"] for _ in range(2)] == [True, False]


def test_a_line_of_history_cut_by_a_power_loss_spoils_no_other(host: Host) -> None:
    """The next line stands on its own."""
    host.app.history_file.write_bytes(b'{"verb": "fl')
    host.call("flip", colour="green", confirm_seconds=60)
    assert [line["verb"] for line in host.call("history", lines=5)["lines"]] == ["flip"]


def test_a_line_is_found_behind_any_number_of_others(host: Host) -> None:
    """What made a release live does not get lost behind a cron entry that fails every minute."""
    line = json.dumps({"verb": "confirm", "from": "a", "to": "b", "text": "ü" * 50_000}, ensure_ascii=False)
    noise = [json.dumps({"verb": "cron", "text": f'"confirm" {n}'}) for n in range(20_000)]
    host.app.history_file.write_text("\n".join([line, "no json", *noise, ""]))
    assert [one["to"] for one in host.call("history", lines=5, verbs=["confirm"])["lines"]] == ["b"]
    assert host.call("facts")["last"]["to"] == "b"
    newest = host.call("history", lines=2)["lines"]
    assert [one["text"] for one in newest] == ['"confirm" 19998', '"confirm" 19999']
    assert len(host.call("history", lines=10_000)["lines"]) == 10_000
    assert host.call("history", verbs="confirm")["kind"] == "UsageError"


def test_a_full_disk_is_a_clean_error_and_leaves_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC while a release is written: the partial release is gone."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(host.app.releases / "file"))

    host.ship(RELEASES[0])
    monkeypatch.setattr(assemble, "_write_documents", full)
    answer = host.ship(RELEASES[1])
    assert (answer["kind"], answer["what"]) == ("HostNotReady", "the disk is full")
    assert sorted(path.name for path in host.app.releases.iterdir()) == [RELEASES[0]]


def test_a_reader_that_went_away_does_not_stop_a_verb(host: Host) -> None:
    """The answer is lost, the work is done."""
    from io import BytesIO

    from orchestrator.agent.main import run
    from orchestrator.agent.systemd import Systemd

    reader, writer = os.pipe()
    os.close(reader)
    text = f'{{"protocol":1,"app":"shop","token":"{host.token}","colour":"green","confirm_seconds":60}}\n'
    run(["flip"], BytesIO(text.encode()), writer, host.layout, Systemd(host.systemd))
    os.close(writer)
    assert host.app.green_marker.exists()
