"""One story from the histories of all hosts: parse(lines by host) -> Changes, newest first. Pure.

Every line names the change that it belongs to: one run of a command, on whichever hosts. A flip that a timer or a boot
took back belongs to the change that made it. The controller tells the end of a change in a line of its own (`summary`);
where it died before it could, the end is read from what the hosts did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

INTERRUPTED = "interrupted"
"""The result of a change whose controller never told its end, and which the hosts did not end either."""

_ENDS = {"confirm": "live", "return": "returned"}
"""What a verb of the agent says about the end of a change that nobody told."""

_OWN = ("lock", "unlock", "prune", "drain", "stop", "start")
"""Verbs that can stand for a whole change, for people: the first of them that happened names it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one host's history, as the agent wrote it."""

    host: str
    fields: Json

    @property
    def verb(self) -> str:
        """What was done."""
        return str(self.fields.get("verb") or "")

    @property
    def time(self) -> str:
        """ISO 8601, UTC, by the host's clock."""
        return str(self.fields.get("time") or "")

    @property
    def figures(self) -> Json:
        """Whatever was counted."""
        found = self.fields.get("figures")
        return found if isinstance(found, dict) else {}

    def text(self, name: str) -> str:
        """A field as text; empty where it is null."""
        return str(self.fields.get(name) or "")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the app, on all hosts together.

    Attributes:
        change: Its id; empty for lines that were written without one.
        time: When it began: ISO 8601, UTC.
        by: Who: user@controller.
        command: release, rollback, lock, unlock, ...; the verb where no controller told more.
        source: What was before; a release, or who held a lock.
        target: What is now.
        result: live, returned, failed, interrupted, locked, unlocked, ...
        seconds: How long it took; 0 where nobody told.
        figures: The summary's: proof, error, warnings; of a lock its message.
        hosts: Where it left a line, in the order of the inventory.
        lines: All of them, in the order of time.
    """

    change: str
    time: str
    by: str
    command: str
    source: str
    target: str
    result: str
    seconds: float
    figures: Json
    hosts: tuple[str, ...]
    lines: tuple[Line, ...]


def parse(answers: Mapping[str, Iterable[Any]]) -> tuple[Change, ...]:
    """The changes that some hosts know of.

    Args:
        answers: Lines of each host, oldest first; what is no object is left out.
    """
    lines = [Line(host, one) for host, many in answers.items() for one in many if isinstance(one, dict)]
    changes = (_change(list(answers), group) for group in _grouped(lines))
    return tuple(sorted(changes, key=lambda one: (one.time, one.change), reverse=True))


def _grouped(lines: list[Line]) -> Iterable[list[Line]]:
    """Lines of one change together; one without an id is a change of its own."""
    groups: dict[Any, list[Line]] = {}
    for n, line in enumerate(lines):
        groups.setdefault(line.text("change") or n, []).append(line)
    return groups.values()


def _change(hosts: list[str], group: list[Line]) -> Change:
    lines = sorted(group, key=lambda line: line.time)
    summary = next((line for line in lines if line.fields.get("summary")), None)
    told = summary or _named_by(lines)
    figures = told.figures
    return Change(
        change=told.text("change"),
        time=str(figures.get("began_at") or lines[0].time),
        by=told.text("by"),
        command=told.verb,
        source=told.text("from"),
        target=told.text("to"),
        result=_result(summary, told, lines),
        seconds=float(figures.get("seconds") or 0) if summary else 0.0,
        figures={k: v for k, v in figures.items() if k not in ("began_at", "seconds")},
        hosts=tuple(host for host in hosts if any(line.host == host for line in lines)),
        lines=tuple(lines),
    )


def _named_by(lines: list[Line]) -> Line:
    """The line that says most: what became live, what was taken back, else what came first."""
    for verb in ("confirm", "flip", "return", *_OWN):
        for line in lines:
            if line.verb == verb:
                return line
    return lines[0]


def _result(summary: Line | None, told: Line, lines: list[Line]) -> str:
    """What the controller told; where it died before, what the hosts did last, by timer, boot or another command."""
    ends = [_ENDS[line.verb] for line in lines if line.verb in _ENDS]
    if summary:
        return summary.text("result")
    if ends:
        return ends[-1]
    is_open = any(line.verb in ("flip", "start") for line in lines)
    return INTERRUPTED if is_open else told.text("result")
