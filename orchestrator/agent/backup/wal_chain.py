"""What can be reached: base backups and pieces of the log at one target, and the moments that they lead to. Pure.

A repository says it by tags alone, so one listing is enough. A base leads to every moment from its own end to the last
marker behind which the log has no hole.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from orchestrator.agent.backup import wal
from orchestrator.agent.backup.restic import Snapshot
from orchestrator.agent.backup.wal import Run, Segment

BASE, PIECE = "base", "wal"


class Base(NamedTuple):
    """A base backup.

    Attributes:
        snapshot: Its id.
        system: The cluster's identifier: the log of another one does not fit.
        at: The first moment that it leads to (seconds since the epoch, by the server's clock): its own end.
        first: The segment that recovery begins with.
        last: The segment without which it is torn.
        version: Of the server: 17.
        bytes: Of its files.
    """

    snapshot: str
    system: str
    at: float
    first: Segment
    last: Segment
    version: int
    bytes: int

    def tags(self) -> list[str]:
        """As the repository is told it."""
        return [
            BASE, f"system={self.system}", f"at={self.at:.6f}", f"first={self.first.name}", f"last={self.last.name}",
            f"version={self.version}", f"bytes={self.bytes}",
        ]  # fmt: skip


class Piece(NamedTuple):
    """A part of the log.

    Attributes:
        runs: Its segments.
        until: Every commit up to this moment is in it, or before it (seconds since the epoch); None: nobody knows.
        made_at: When it was stored, ISO 8601.
    """

    snapshot: str
    system: str
    runs: tuple[Run, ...]
    until: float | None
    made_at: str

    def tags(self) -> list[str]:
        """As the repository is told it."""
        until = [] if self.until is None else [f"until={self.until:.6f}"]
        spans = [f"segments={first.name}-{last.name}" for first, last in self.runs]
        return [PIECE, f"system={self.system}", *until, *spans]


class Window(NamedTuple):
    """Moments that can be reached, all of them from one to another (seconds since the epoch)."""

    begin: float
    end: float


class Log(NamedTuple):
    """All that there is at a target, oldest first."""

    bases: tuple[Base, ...]
    pieces: tuple[Piece, ...]


class Chain(NamedTuple):
    """A base with the log that fits it.

    Attributes:
        last: The last segment before the first hole; None where even the first one is missing.
        end: The last moment that it leads to; None where it leads to none.
    """

    base: Base
    last: Segment | None
    end: float | None


def read(snapshots: Iterable[Snapshot]) -> Log:
    """Out of a repository's listing; what is not ours is left alone."""
    bases, pieces = list[Base](), list[Piece]()
    for one in snapshots:
        known = dict(tag.partition("=")[::2] for tag in one.tags if not tag.startswith("segments="))
        try:
            if BASE in one.tags:
                bases.append(_base(one.id, known))
            elif PIECE in one.tags:
                pieces.append(_piece(one, known))
        except (KeyError, ValueError):
            continue
    return Log(tuple(sorted(bases, key=lambda base: base.at)), tuple(pieces))


def chain(log: Log, base: Base) -> Chain:
    """How far a base leads."""
    mine = [one for one in log.pieces if one.system == base.system]
    reach = base.first.number - 1
    for first, last in sorted(
        run for one in mine for run in one.runs if run[0].timeline == base.first.timeline
    ):
        if first.number <= reach + 1:
            reach = max(reach, last.number)
    if reach < base.last.number:
        return Chain(base, Segment(base.first.timeline, reach) if reach >= base.first.number else None, None)
    there = [one.until for one in mine if one.until is not None and _is_before(one, base, reach)]
    end = max(there, default=None)
    return Chain(
        base, Segment(base.first.timeline, reach), end if end is not None and end >= base.at else None
    )


def windows(log: Log) -> list[Window]:
    """What can be reached, oldest first; what overlaps is one."""
    found: list[Window] = []
    for one in (chain(log, base) for base in log.bases):
        if one.end is None:
            continue
        if found and one.base.at <= found[-1].end:
            found[-1] = Window(found[-1].begin, max(found[-1].end, one.end))
        else:
            found.append(Window(one.base.at, one.end))
    return found


def leading_to(log: Log, moment: float) -> Chain | None:
    """The newest base that leads to a moment; None where none does."""
    for base in reversed(log.bases):
        found = chain(log, base)
        if base.at <= moment and found.end is not None and moment <= found.end:
            return found
    return None


def needed(log: Log, found: Chain, moment: float) -> list[Piece]:
    """The pieces that recovery to a moment reads: up to the first one that ends behind it."""
    base = found.base
    reach = found.last.number if found.last else base.first.number - 1
    mine = sorted(
        (one for one in log.pieces if one.system == base.system and _touches(one, base, reach)),
        key=lambda one: one.runs[0],
    )
    for count, one in enumerate(mine, 1):
        if one.until is not None and one.until >= moment and _is_before(one, base, reach):
            return mine[:count]
    return mine


def dispensable(log: Log, since: float) -> list[str]:
    """Snapshots that no moment after `since` needs. The newest base of all is never among them."""
    kept = [base for n, base in enumerate(log.bases) if _is_kept(log, n, base, since)]
    gone = [base.snapshot for base in log.bases if base not in kept]
    for one in log.pieces:
        firsts = [base.first for base in kept if base.system == one.system]
        if (firsts and max(last for _, last in one.runs) < min(firsts)) or (
            not firsts and log.bases and _end(one) < since
        ):
            gone.append(one.snapshot)
    return gone


def _end(one: Piece) -> float:
    """When a piece ended, or was stored, to the day: enough to tell a dead server's from the living one's."""
    if one.until is not None:
        return one.until
    return datetime.fromisoformat(one.made_at[:19]).replace(tzinfo=UTC).timestamp()


def _is_kept(log: Log, n: int, base: Base, since: float) -> bool:
    """Whether a base leads to a moment after `since` that the next one does not."""
    if n == len(log.bases) - 1 or base.at >= since:
        return True
    later = [other for other in log.bases[n + 1 :] if other.system == base.system]
    if later:
        return later[0].at > since
    return (chain(log, base).end or 0.0) > since


def _is_before(one: Piece, base: Base, reach: int) -> bool:
    """Whether all of a piece lies before the first hole behind a base."""
    return all(
        last.timeline == base.first.timeline and base.first.number <= last.number <= reach
        for _, last in one.runs
    )


def _touches(one: Piece, base: Base, reach: int) -> bool:
    return any(
        last.timeline == base.first.timeline and last.number >= base.first.number and first.number <= reach
        for first, last in one.runs
    )


def _base(snapshot: str, known: dict[str, str]) -> Base:
    return Base(
        snapshot, known["system"], float(known["at"]), _segment(known["first"]), _segment(known["last"]),
        int(known["version"]), int(known["bytes"]),
    )  # fmt: skip


def _piece(one: Snapshot, known: dict[str, str]) -> Piece:
    spans = [tag.removeprefix("segments=").split("-") for tag in one.tags if tag.startswith("segments=")]
    runs = tuple((_segment(first), _segment(last)) for first, last in spans)
    if not runs:
        raise ValueError("a piece without segments")
    until = float(known["until"]) if "until" in known else None
    return Piece(one.id, known["system"], runs, until, one.time)


def _segment(name: str) -> Segment:
    found = wal.segment(name)
    if found is None:
        raise ValueError(name)
    return found
