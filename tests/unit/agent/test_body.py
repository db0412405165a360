"""What follows a request: taken apart with bounded memory, whatever it claims to be."""

from __future__ import annotations

import io
import json
import os
import zlib
from typing import Any

import pytest

from orchestrator.agent.body import MOST_BLOCK_BYTES, Body
from orchestrator.agent.failures import AgentError, ReleaseFailed, UsageError
from orchestrator.transport import blocks
from tests.support.bodies import framed, unframed
from tests.unit.agent.conftest import Host, bundle, offered

DEFLATED = 1 << 31


def deflated(content: bytes) -> bytes:
    """A block of any length."""
    packed = zlib.compress(content, 9, -15)
    return (len(packed) | DEFLATED).to_bytes(4) + packed


@pytest.mark.parametrize(
    "content", [b"", b"x", b"text " * 200_000, os.urandom(700_000)], ids=["none", "x", "text", "random"]
)
def test_a_body_comes_out_as_it_went_in(content: bytes) -> None:
    """Deflated or not, in one block or several."""
    assert unframed(blocks.body([content])) == content


def test_text_is_deflated_and_what_does_not_compress_is_not() -> None:
    """A picture would cost processor time on both sides, and bytes."""
    assert len(framed(b"const a = 1;\n" * 100_000)) < 20_000
    random = os.urandom(blocks.BLOCK_BYTES)
    assert blocks.block(random) == len(random).to_bytes(4) + random


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", ReleaseFailed), (b"\0\0", ReleaseFailed), ((9).to_bytes(4) + b"short", ReleaseFailed),
        ((MOST_BLOCK_BYTES + 1).to_bytes(4), UsageError), (b"\xff\xff\xff\xff", UsageError),
        ((3 | DEFLATED).to_bytes(4) + b"\xff\xff\xff", UsageError), (deflated(bytes(MOST_BLOCK_BYTES + 1)), UsageError),
        (deflated(bytes(1 << 28)), UsageError),
    ],
    ids=["empty", "cut head", "cut", "too long", "longest", "not deflated", "longer inside", "bomb"],
)  # fmt: skip
def test_what_is_no_body_is_refused(raw: bytes, kind: type[AgentError]) -> None:
    """Cut off, too long, or a bomb: a block of 256 KiB that holds 256 MiB."""
    with pytest.raises(kind):
        Body(io.BytesIO(raw)).read(1)


def test_a_session_goes_on_behind_a_body(host: Host) -> None:
    """The next request is read where the body has ended."""
    manifest, listed, _ = bundle({"a": b"1"})
    common = {"protocol": 1, "app": "shop", "token": host.token}
    text = json.dumps({**common, "verb": "offer", "manifest": manifest}).encode() + b"\n" + listed
    host.words(["session"], text + json.dumps({**common, "verb": "renew"}).encode() + b"\n")
    assert [line["event"] for line in host.lines] == ["result", "result"]


def test_a_session_ends_where_a_body_was_not_read_to_its_end(host: Host) -> None:
    """What is left of it would be taken for requests."""
    manifest, listed, _ = bundle({"a": b"1"})
    common = {"protocol": 1, "app": "shop", "token": "of nobody"}
    text = json.dumps({**common, "verb": "offer", "manifest": manifest}).encode() + b"\n" + listed
    host.words(
        ["session"], text + json.dumps({"protocol": 1, "app": "shop", "verb": "facts"}).encode() + b"\n"
    )
    assert [line.get("kind") for line in host.lines] == ["LockHeld"]


def test_a_request_that_is_too_long_is_refused_and_ends_the_session(host: Host) -> None:
    """Nobody's list of files is in it."""
    line = b'{"protocol":1,"app":"shop","verb":"facts","x":"' + b"x" * (4 << 20) + b'"}\n'
    host.words(["session"], line + line)
    assert [line["event"] for line in host.lines] == ["error"]
    assert "is longer than" in host.lines[0]["why"]


X = "0" * 64


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([["a", X, 1], ["a", X, 1]], "named twice"),
        ([["b", X, 1], ["a", X, 1]], "comes after"),
        ([["a", X, 1], ["a/b", X, 1]], "is a file and a directory"),
        ([["a", "", 0, "b"], ["a/b", X, 1]], "is a file and a directory"),
        ([["a-b", X, 1], ["a/b", X, 1]], "comes after"),
        ([["../a", X, 1]], "is not a path inside"),
        ([["a", "", 0, "../../etc"]], "leads outside"),
        ([["a", "../../x", 1]], "has the digest"),
        ([["a", X + "y", 1]], "has the digest"),
        ([["a", X, -1]], "has the size"),
        ([["a", X, True]], "has the size"),
        ([["a", X]], "a line is"),
        ([[1, X, 1]], "is not a path inside"),
        (["a"], "a line is"),
    ],
)  # fmt: skip
def test_a_wrong_list_is_refused(host: Host, entries: list[Any], why: str) -> None:
    """Whatever is wrong with the tree that it describes; nothing is kept."""
    manifest, body = offered(entries)
    answer = host.call("offer", body, manifest=manifest)
    assert answer["kind"] == "UsageError"
    assert why in answer["why"]
    assert not list(host.app.incoming.iterdir())


@pytest.mark.parametrize("field", ["digest", "files", "size_bytes"])
def test_a_list_that_is_not_the_manifests_is_refused(host: Host, field: str) -> None:
    """One that was altered on its way has another digest."""
    manifest, listed, _ = bundle({"a": b"1"})
    manifest[field] = X if field == "digest" else 7
    assert host.call("offer", listed, manifest=manifest)["what"] == "the transfer is damaged"
    assert not list(host.app.incoming.iterdir())
