"""What a recovery begins with: segments that are what their names say, and none missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.agent.backup import wal, wal_recover
from orchestrator.agent.backup.wal import Segment
from orchestrator.agent.backup.wal_chain import Base, Chain
from orchestrator.agent.failures import BackupFailed
from tests.support.fake_wal import page


def fetched(place: Path, *numbers: int, system: int = 7) -> None:
    """Segments as they came out of a repository."""
    for number in numbers:
        one = Segment(1, number)
        (place / one.name).write_bytes(page(one, system))
        os.truncate(place / one.name, wal.SEGMENT_BYTES)


def chain(first: int, last: int) -> Chain:
    """A base and how far its log leads."""
    base = Base("b", "7", 10.0, Segment(1, first), Segment(1, first), 17, 1000)
    return Chain(base, Segment(1, last), 20.0)


def test_a_log_without_a_hole_is_taken(tmp_path: Path) -> None:
    """What is older than the base does no harm."""
    fetched(tmp_path, 2, 3, 4, 5)
    wal_recover.check_log(tmp_path, chain(3, 5), Segment(1, 5))


@pytest.mark.parametrize("numbers", [(3, 5), (4, 5), (3, 4), (), (2, 3)])
def test_a_missing_segment_is_an_error(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    """In the middle, at the beginning, at the end: never a recovery that is shorter than it says."""
    fetched(tmp_path, *numbers)
    with pytest.raises(BackupFailed, match="a part of PostgreSQL's log is missing") as failed:
        wal_recover.check_log(tmp_path, chain(3, 5), Segment(1, 5))
    assert failed.value.why.startswith("from 000000010000000000000003 to 000000010000000000000005 there is ")


def test_another_server_s_log_is_an_error(tmp_path: Path) -> None:
    """It has the same names."""
    fetched(tmp_path, 3, 4)
    fetched(tmp_path, 5, system=8)
    with pytest.raises(BackupFailed, match="another server's"):
        wal_recover.check_log(tmp_path, chain(3, 5), Segment(1, 5))


def test_a_segment_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    """The server would take it for the end of the log."""
    fetched(tmp_path, 3, 4, 5)
    os.truncate(tmp_path / Segment(1, 4).name, 1000)
    with pytest.raises(BackupFailed, match="damaged"):
        wal_recover.check_log(tmp_path, chain(3, 5), Segment(1, 5))
