"""Kafka's types on the wire, and SCRAM: what is written is read again, and nonsense is told."""

from __future__ import annotations

import base64
import secrets

import pytest

from orchestrator.agent import kafka_wire
from orchestrator.agent.kafka_scram import Exchange
from orchestrator.agent.kafka_wire import Reader


@pytest.mark.parametrize("text", ["", "orders", "ü" * 200, "x" * 20_000])
def test_strings_of_both_forms_are_read_as_written(text: str) -> None:
    """The compact one has its length in as many bytes as that needs."""
    told = Reader(kafka_wire.string(text) + kafka_wire.compact(text) + kafka_wire.int8(7))
    assert (told.string(), told.compact(), told.int8()) == (text, text, 7)


def test_what_is_null_is_read_as_empty() -> None:
    """Strings, bytes and arrays of both forms."""
    told = Reader(kafka_wire.string(None) + b"\xff\xff\xff\xff" + kafka_wire.NULL_ARRAY + b"\0\0")
    assert (told.string(), told.data(), told.array(told.int8), told.compact(), told.compact_array(told.int8)) == (
        "", b"", [], "", [],
    )  # fmt: skip


def test_tagged_fields_that_we_do_not_know_are_passed_over() -> None:
    """A newer server may send some."""
    told = Reader(b"\x02\x00\x01x\x05\x02yz" + kafka_wire.int16(3))
    told.tags()
    assert told.int16() == 3


@pytest.mark.parametrize("answer", [b"", b"\0", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x09ab"])
def test_an_answer_that_ends_too_early_is_told(answer: bytes) -> None:
    """Never read beyond it, nor believed in how much it says there is."""
    with pytest.raises(ValueError, match="the answer"):
        Reader(answer).array(lambda: Reader(answer).int32())


SHA_512 = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"v=Utp9xvLpYYNNTIcbCPQzUEFpTNlVjt+VQHJE0pZJbBIjBXdXx8tJ4XxSjr0yJwZgAjTGwU9FWTgOMo5bQ+9D2Q==",
)
"""A challenge as RFC 7677's example has it, and an answer that belongs to no password."""


def test_a_server_that_does_not_know_the_password_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both know each other, or nobody is logged in."""
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: "rOprNGfwEbeRWgbNEkqO")
    one = Exchange("user", "pencil")
    assert one.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    said = one.final(SHA_512[0])
    assert said.startswith(b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")
    assert len(base64.b64decode(said.partition(b",p=")[2])) == 64
    with pytest.raises(ValueError, match="does not know the password"):
        one.verify(SHA_512[1])


@pytest.mark.parametrize(
    "challenge",
    [b"", b"e=other-error", b"r=somebody-else,s=W22Z,i=4096", b"r={own}x,s=W22Z,i=99999999", b"r={own}x,i=1"],
)
def test_a_challenge_that_is_none_is_refused(challenge: bytes) -> None:
    """Another's nonce, and a count that would keep us busy for minutes, among them."""
    one = Exchange("user", "pencil")
    own = one.first().rpartition(b"r=")[2]
    with pytest.raises(ValueError, match=r"SCRAM|this login"):
        one.final(challenge.replace(b"{own}", own))
