"""Moments that base backups and pieces of the log lead to: pure, out of what a repository lists."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from orchestrator.agent.backup import wal, wal_chain
from orchestrator.agent.backup.restic import Snapshot
from orchestrator.agent.backup.wal import Segment
from orchestrator.agent.backup.wal_chain import Base, Log, Piece, Window
from orchestrator.agent.failures import BackupFailed

DAY = 86400.0


def base(number: int, at: float, *, system: str = "7", timeline: int = 1) -> Base:
    """A base that begins and ends in one segment."""
    one = Segment(timeline, number)
    return Base(f"b{number}", system, at, one, one, 17, 1000)


def piece(first: int, last: int, until: float | None, *, system: str = "7", timeline: int = 1) -> Piece:
    """A part of the log."""
    run = (Segment(timeline, first), Segment(timeline, last))
    return Piece(f"p{first}", system, (run,), until, "2026-11-26T03:00:00Z")


def header(segment: Segment, system: int = 7, size: int = wal.SEGMENT_BYTES) -> bytes:
    """The beginning of a segment's file."""
    address = segment.number * wal.SEGMENT_BYTES
    return struct.pack("<HHIQI4xQII", 0xD116, 2, segment.timeline, address, 0, system, size, 8192)


def test_names_are_the_server_s_own() -> None:
    """256 segments of 16 MiB to a log; what is no segment has no number."""
    found = wal.segment("0000000100000002000000FF")
    assert found == Segment(1, 2 * 256 + 255)
    assert found.next.name == "000000010000000300000000"
    assert wal.at(1, "0/2000028").name == "000000010000000000000002"
    assert wal.holding_before(1, "0/3000000").name == "000000010000000000000002"
    assert [wal.segment(name) for name in ("00000002.history", "000000010000000000000100", ".x.part")] == [
        None
    ] * 3
    assert wal.is_label("000000010000000000000002.00000028.backup")


def test_runs_are_put_together() -> None:
    """Out of order and twice; a hole ends one."""
    numbers = [5, 3, 4, 4, 9]
    found = wal.runs(Segment(1, number) for number in numbers)
    assert [(first.number, last.number) for first, last in found] == [(3, 5), (9, 9)]


def test_a_segment_says_whose_it_is(tmp_path: Path) -> None:
    """A file that is another than its name says, or that was cut short, is none."""
    path, one = tmp_path / "x", Segment(1, 3)
    path.write_bytes(header(one).ljust(wal.SEGMENT_BYTES, b"\0"))
    assert wal.owner(path, one) == "7"
    with pytest.raises(BackupFailed, match="damaged"):
        wal.owner(path, one.next)
    path.write_bytes(header(one))
    with pytest.raises(BackupFailed, match="damaged"):
        wal.owner(path, one)


def test_tags_say_it_all() -> None:
    """What is stored is read again from a listing; what is not ours is left alone."""
    made = [
        Snapshot("b3", "t", (), ("vpsdeploy", *base(3, 10.5).tags())),
        Snapshot("p3", "2026-11-26T03:00:00Z", (), ("vpsdeploy", *piece(3, 6, 20.25).tags())),
        Snapshot("x", "t", (), ("wal", "segments=nonsense")), Snapshot("y", "t", (), ("theirs",)),
    ]  # fmt: skip
    assert wal_chain.read(made) == Log((base(3, 10.5),), (piece(3, 6, 20.25),))


def test_a_window_goes_from_the_base_to_the_last_marker() -> None:
    """Pieces may overlap, and one that was sent late has no marker of its own."""
    log = Log((base(3, 10),), (piece(1, 3, 11), piece(3, 4, None), piece(5, 5, 30)))
    assert wal_chain.windows(log) == [Window(10, 30)]
    assert wal_chain.windows(Log((base(3, 10),), ())) == []


def test_behind_a_hole_nothing_is_reached() -> None:
    """Until the next base: then there are two windows, and between them nothing."""
    pieces = (piece(3, 4, 20), piece(6, 6, 30), piece(7, 8, 40))
    broken = Log((base(3, 10),), pieces)
    assert wal_chain.windows(broken) == [Window(10, 20)]
    mended = Log((base(3, 10), base(7, 35)), pieces)
    assert wal_chain.windows(mended) == [Window(10, 20), Window(35, 40)]
    assert wal_chain.leading_to(mended, 25) is None
    found = wal_chain.leading_to(mended, 36)
    assert found is not None
    assert found.base.snapshot == "b7"


def test_two_bases_on_one_log_are_one_window() -> None:
    """And the newest one that leads to a moment is taken."""
    log = Log((base(3, 10), base(5, 25)), (piece(3, 4, 20), piece(5, 6, 40)))
    assert wal_chain.windows(log) == [Window(10, 40)]
    taken = [wal_chain.leading_to(log, moment) for moment in (12, 24, 26)]
    assert [one.base.snapshot if one else "" for one in taken] == ["b3", "b3", "b5"]


def test_a_base_whose_own_log_is_missing_leads_nowhere() -> None:
    """It is torn without it."""
    torn = base(3, 10)._replace(last=Segment(1, 5))
    assert wal_chain.windows(Log((torn,), (piece(3, 4, 20),))) == []
    assert wal_chain.windows(Log((torn,), (piece(3, 5, 20),))) == [Window(10, 20)]


@pytest.mark.parametrize("other", [{"system": "8"}, {"timeline": 2}])
def test_the_log_of_another_server_does_not_fit(other: dict[str, object]) -> None:
    """Another cluster under the same name, or one that was promoted."""
    log = Log((base(3, 10),), (piece(3, 3, 11), piece(4, 5, 30, **other)))  # type: ignore[arg-type] # one of two keys
    assert wal_chain.windows(log) == [Window(10, 11)]


def test_no_more_of_the_log_is_read_than_a_moment_needs() -> None:
    """From the base to the first marker behind it."""
    log = Log((base(3, 10),), (piece(1, 2, 5), piece(3, 4, 20), piece(5, 5, 30), piece(6, 6, 40)))
    chain = wal_chain.leading_to(log, 25)
    assert chain is not None
    assert [one.snapshot for one in wal_chain.needed(log, chain, 25)] == ["p3", "p5"]


def test_what_no_moment_needs_goes() -> None:
    """The base that leads to the oldest moment that is kept stays, with its log; the newest base always does."""
    bases = tuple(base(10 * day, day * DAY) for day in range(1, 6))
    pieces = tuple(piece(10 * day, 10 * day + 9, day * DAY + 100) for day in range(1, 6))
    gone = wal_chain.dispensable(Log(bases, pieces), 3.5 * DAY)
    assert gone == ["b10", "b20", "p10", "p20"]
    assert wal_chain.dispensable(Log(bases[:1], pieces[:1]), 99 * DAY) == []


def test_the_log_of_a_server_that_is_no_more_goes_with_its_last_moment() -> None:
    """A rebuilt host has another cluster; what it lost can be reached as long as its moments are kept."""
    log = Log(
        (base(3, DAY, system="old"), base(1, 9 * DAY)),
        (piece(3, 9, 2 * DAY, system="old"), piece(1, 1, 9.1 * DAY)),
    )
    assert wal_chain.dispensable(log, 1.5 * DAY) == []
    assert wal_chain.dispensable(log, 3 * DAY) == ["b3", "p3"]
