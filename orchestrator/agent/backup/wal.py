"""Names of PostgreSQL's write-ahead log, and what its files say of themselves. Pure, but for one read.

A segment is called after its timeline and its place in the log; its first page says both again, and whose log it is.
Source: PostgreSQL, src/include/access/xlog_internal.h (XLogFileName, XLogLongPageHeaderData).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from orchestrator.agent.failures import BackupFailed

SEGMENT_BYTES = 16 << 20
"""As Debian makes clusters; others are refused."""

_PER_LOG = (1 << 32) // SEGMENT_BYTES
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_LABELS = re.compile(r"[0-9A-F]{8}\.history|[0-9A-F]{24}\.[0-9A-F]{8}\.backup|[0-9A-F]{24}\.partial")
_LONG_HEADER = struct.Struct("<HHIQI4xQII")
"""Magic, flags, timeline, address of the page, rest of a record; whose, bytes of a segment, bytes of a page."""

_LONG = 0x0002


class Segment(NamedTuple):
    """One segment: they are ordered, and one comes after another, on the same timeline only."""

    timeline: int
    number: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.timeline:08X}{self.number // _PER_LOG:08X}{self.number % _PER_LOG:08X}"

    @property
    def next(self) -> Segment:
        """The one that has to come after it."""
        return self._replace(number=self.number + 1)


Run = tuple[Segment, Segment]
"""Segments without a hole: the first and the last."""


def segment(name: str) -> Segment | None:
    """The segment of this name; None where it is none."""
    found = _SEGMENT.fullmatch(name)
    if not found:
        return None
    timeline, log, part = (int(one, 16) for one in found.groups())
    return Segment(timeline, log * _PER_LOG + part) if part < _PER_LOG else None


def is_label(name: str) -> bool:
    """Whether it is another file that the server gives to its archive."""
    return _LABELS.fullmatch(name) is not None


def at(timeline: int, address: str) -> Segment:
    """The segment that holds an address of the log, such as 0/2000028."""
    high, _, low = address.partition("/")
    return Segment(timeline, ((int(high, 16) << 32) + int(low, 16)) // SEGMENT_BYTES)


def holding_before(timeline: int, address: str) -> Segment:
    """The segment that holds the last byte before an address."""
    high, _, low = address.partition("/")
    return Segment(timeline, ((int(high, 16) << 32) + int(low, 16) - 1) // SEGMENT_BYTES)


def runs(segments: Iterable[Segment]) -> list[Run]:
    """Segments put together as far as they follow on each other."""
    found: list[Run] = []
    for one in sorted(set(segments)):
        if found and found[-1][1].next == one:
            found[-1] = (found[-1][0], one)
        else:
            found.append((one, one))
    return found


def owner(path: Path, expected: Segment) -> str:
    """Whose log a segment's file is from: the cluster's system identifier.

    Raises: BackupFailed: the file is not what its name says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        page = file.read(_LONG_HEADER.size)
    if size != SEGMENT_BYTES or len(page) < _LONG_HEADER.size:
        raise BackupFailed(
            "a segment of the log is damaged", why=f"{path.name} has {size} bytes, not {SEGMENT_BYTES}"
        )
    _, flags, timeline, address, _, system, segment_bytes, _ = _LONG_HEADER.unpack(page)
    is_whole = flags & _LONG and segment_bytes == SEGMENT_BYTES
    if not is_whole or (timeline, address) != (expected.timeline, expected.number * SEGMENT_BYTES):
        raise BackupFailed(
            "a segment of the log is damaged",
            why=f"{path.name} says that it is of timeline {timeline} at {address:X}",
        )
    return str(system)
