"""One stream for several readers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.transport.ahead import in_order
from orchestrator.transport.spool import Spool


def test_every_reader_gets_the_whole_stream(tmp_path: Path) -> None:
    """One that begins before there is anything, and one that begins when all is there; it is made once."""
    made: list[int] = []
    go = threading.Event()

    def blocks() -> Iterator[bytes]:
        for n in range(50):
            go.wait(5)
            made.append(n)
            yield bytes([n]) * 1000

    spool = Spool(blocks(), tmp_path)
    first = spool.read()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(b"".join(first)))
    reader.start()
    go.set()
    reader.join(5)
    whole = b"".join(bytes([n]) * 1000 for n in range(50))
    assert got == [whole]
    assert b"".join(spool.read()) == whole
    assert made == list(range(50))
    spool.close()
    assert not list(tmp_path.iterdir())


def test_what_stops_the_stream_stops_every_reader(tmp_path: Path) -> None:
    """None takes what came until then for the whole."""

    def blocks() -> Iterator[bytes]:
        yield b"begun"
        raise ProjectError("a file of the bundle has changed")

    spool = Spool(blocks(), tmp_path)
    for _ in range(2):
        with pytest.raises(ProjectError, match="has changed"):
            list(spool.read())
    spool.close()


def test_a_stream_that_nobody_reads_any_more_is_not_made_to_its_end(tmp_path: Path) -> None:
    """All hosts have failed: what is left of a gigabyte is neither read nor compressed."""

    def blocks() -> Iterator[bytes]:
        while True:
            yield bytes(1000)

    spool = Spool(blocks(), tmp_path)
    assert next(spool.read())
    spool.close()


def test_work_is_done_in_order_and_only_a_little_ahead() -> None:
    """However many items there are."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    made = in_order(lambda n: n * n, items(), workers=3, ahead=4)
    assert next(made) == 0
    assert len(taken) == 5
    assert list(made) == [n * n for n in range(1, 100)]
