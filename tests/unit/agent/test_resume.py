"""A transfer that broke off goes on where it stopped, and nothing that was kept is trusted."""

from __future__ import annotations

import fcntl
import os
from hashlib import sha256
from typing import Any

import pytest

from orchestrator.agent import parts
from orchestrator.transport import blocks
from tests.support.bodies import tar_of
from tests.unit.agent.conftest import RELEASES, Host, archive, bundle, make_settings

LARGE = os.urandom(3 << 20)
NAME = sha256(LARGE).hexdigest()


def cut(content: bytes) -> bytes:
    """A body without its end: the connection was lost behind these bytes."""
    return b"".join(blocks.body([content]))


def offer(host: Host) -> dict[str, Any]:
    """Offer the large file and a small one."""
    manifest, listed, _ = bundle({"dist/main.js": b"main", "large.bin": LARGE})
    return host.call("offer", listed, manifest=manifest)


def break_off(host: Host, sent: int) -> None:
    """Send so many bytes of the large file, and no more."""
    offer(host)
    begun = tar_of({NAME: LARGE})[: 512 + sent]
    assert host.call("receive", cut(begun), count=2)["what"] == "the transfer broke off"


def test_a_large_file_goes_on_where_it_stopped(host: Host) -> None:
    """The second offer says how much of it is here; what is sent is the rest; the release is whole."""
    break_off(host, 2 << 20)
    answer = offer(host)
    assert (answer["missing"], answer["parts"]) == ([[0, 2]], [[1, 2 << 20]])
    rest = archive({sha256(b"main").hexdigest(): b"main", f"{NAME}@{2 << 20}": LARGE[2 << 20 :]})
    received = host.call("receive", rest, count=2)
    assert (received["stored"], received["bytes"]) == (2, 4 + (1 << 20))
    assert host.app.stored(NAME).read_bytes() == LARGE
    assert not list(host.app.incoming.glob("receive-*"))
    assert not list(host.app.parts.iterdir())


def test_it_may_break_off_again_and_again(host: Host) -> None:
    """Each time it is further."""
    break_off(host, 1 << 20)
    again = tar_of({f"{NAME}@{1 << 20}": LARGE[1 << 20 :]})[: 512 + (1 << 20)]
    host.call("receive", cut(again), count=2)
    assert offer(host)["parts"] == [[1, 2 << 20]]


def test_the_beginning_of_a_small_file_is_not_kept(host: Host) -> None:
    """To keep account of it costs more than to send it."""
    break_off(host, parts.WORTH_BYTES - 1)
    assert offer(host)["parts"] == []


def test_a_part_that_was_damaged_is_sent_anew(host: Host) -> None:
    """The whole has to have its digest: the part is removed, the other files are kept, and the answer says so."""
    break_off(host, 2 << 20)
    (host.app.parts / NAME).write_bytes(bytes(2 << 20))
    offer(host)
    rest = archive({f"{NAME}@{2 << 20}": LARGE[2 << 20 :], sha256(b"main").hexdigest(): b"main"})
    received = host.call("receive", rest, count=2)
    assert (received["stored"], received["damaged"]) == (1, 1)
    answer = offer(host)
    assert (answer["missing"], answer["parts"]) == ([[1, 1]], [])


def test_a_part_longer_than_the_file_is_not_gone_on_with(host: Host) -> None:
    """It cannot be its beginning."""
    break_off(host, 2 << 20)
    (host.app.parts / NAME).write_bytes(bytes(len(LARGE)))
    assert offer(host)["parts"] == []


def test_a_part_that_is_not_here_cannot_be_gone_on_with(host: Host) -> None:
    """Nothing is filled with zeros."""
    offer(host)
    answer = host.call("receive", archive({f"{NAME}@{2 << 20}": LARGE[2 << 20 :]}), count=1)
    assert answer["kind"] == "ReleaseFailed"
    assert "there are no 2097152 bytes" in answer["why"]


@pytest.mark.parametrize("alive", [True, False], ids=["stuck", "killed"])
def test_what_another_transfer_has_taken_is_gone_on_with(host: Host, *, alive: bool) -> None:
    """Of one that was killed it is moved; one that only lost its controller keeps its own, and it is copied."""
    directory = host.app.incoming / "receive-1"
    directory.mkdir(parents=True)
    (directory / NAME).write_bytes(LARGE[: 2 << 20])
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if alive:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert offer(host)["parts"] == [[1, 2 << 20]]
        body = archive({f"{NAME}@{2 << 20}": LARGE[2 << 20 :]})
        assert host.call("receive", body, count=1)["stored"] == 1
        assert (directory / NAME).exists() == alive
    finally:
        os.close(descriptor)
    assert host.app.stored(NAME).read_bytes() == LARGE


def test_parts_are_removed_once_a_release_was_made_without_them(host: Host) -> None:
    """Nobody comes back for them."""
    break_off(host, 2 << 20)
    host.ship(RELEASES[0])
    host.call("prune", keep=5)
    assert not host.app.parts.exists()
    assert not list(host.app.incoming.glob("*.files"))


def test_the_mode_of_a_resumed_program_is_right(host: Host) -> None:
    """A part was written by another transfer."""
    manifest_name = f"{NAME}x"
    host.app.parts.mkdir(parents=True)
    (host.app.parts / manifest_name).write_bytes(LARGE[: 2 << 20])
    host.call("receive", archive({f"{manifest_name}@{2 << 20}": LARGE[2 << 20 :]}), count=1)
    assert host.app.stored(manifest_name).stat().st_mode & 0o777 == 0o755


def test_an_offer_that_was_cut_keeps_nothing(host: Host) -> None:
    """Half a list is no list: a release cannot be made of it."""
    manifest, listed, _ = bundle({f"file-{n}": b"main" for n in range(3)})
    answer = host.call("offer", listed.removesuffix(blocks.END), manifest=manifest)
    assert answer["what"] == "the transfer broke off"
    assert not list(host.app.incoming.iterdir())
    made = host.call(
        "assemble", release=RELEASES[0], manifest_digest=manifest["digest"], settings=make_settings()
    )
    assert "was not offered" in made["why"]
