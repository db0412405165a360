"""How a workflow tells what it is doing, without knowing who listens."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from orchestrator.report import envelope


class Reporter(Protocol):
    """Progress of one command."""

    def started(self, title: str, n: int = 0, of: int = 0) -> None:
        """A step begins; n of `of` where the number of steps is known."""

    def finished(self, title: str, seconds: float, note: str = "") -> None:
        """The step that was started last has ended well."""

    def note(self, text: str) -> None:
        """A line for people: a warning, a finding."""

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Something for programs only; people are not shown it."""


class Console:
    """Progress as lines on standard error; redraws nothing, so that it reads the same in a CI log."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose

    def started(self, title: str, n: int = 0, of: int = 0) -> None:
        """Shown when verbose only: the finished line says it all."""
        if self._verbose:
            _say(f"{_position(n, of)}{title} ...")

    def finished(self, title: str, seconds: float, note: str = "") -> None:
        """One line a step: what, how long, what came out."""
        _say(f"{title:<46} {seconds:6.2f} s" + (f"  {note}" if note else ""))

    def note(self, text: str) -> None:
        """The text as it is."""
        _say(text)

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Shown when verbose only."""
        if self._verbose:
            _say(f"{kind}: {fields}")


class JsonLines:
    """Progress as JSON lines on standard output, before the result."""

    def started(self, title: str, n: int = 0, of: int = 0) -> None:
        """Kind "step", state "started"."""
        self.event("step", {"title": title, "state": "started", "n": n, "of": of})

    def finished(self, title: str, seconds: float, note: str = "") -> None:
        """Kind "step", state "finished"."""
        self.event("step", {"title": title, "state": "finished", "seconds": round(seconds, 3), "note": note})

    def note(self, text: str) -> None:
        """Kind "note"."""
        self.event("note", {"text": text})

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """One line, flushed at once: somebody may be following."""
        sys.stdout.write(envelope.event_line(kind, fields) + "\n")
        sys.stdout.flush()


def _position(n: int, of: int) -> str:
    return f"[{n}/{of}] " if of else ""


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
