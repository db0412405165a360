"""What the clients saw, by phase of the run and by kind of request."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SHOWN_FAILURES = 8
"""Different failures that a summary names (count)."""


@dataclass(slots=True)
class Phase:
    """One part of the run: with a release running, or without.

    Attributes:
        milliseconds: Latency of each request, also of those that failed.
        requests: By kind of request (count).
        failures: By kind and reason (count).
        reconnects: Connections that the server closed while no request was open on them (count). Nothing is lost by
            that, if the client noticed before it sent the next request; if it did not, that request has failed.
        sockets: What happened to WebSockets: opened, messages, unanswered, cut, refused (count).
    """

    milliseconds: array[float] = field(default_factory=lambda: array("f"))
    requests: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    reconnects: int = 0
    sockets: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        ordered = sorted(self.milliseconds)
        return {
            "requests": len(ordered), "failed": self.failures.total(), "reconnects": self.reconnects,
            "p50_ms": percentile(ordered, 0.50), "p99_ms": percentile(ordered, 0.99),
            "longest_ms": round(ordered[-1], 1) if ordered else 0.0,
            "by_kind": dict(sorted(self.requests.items())),
            "failures": dict(self.failures.most_common(SHOWN_FAILURES)),
            "sockets": dict(sorted(self.sockets.items())),
        }  # fmt: skip


class Tally:
    """All phases; clients write to the one that runs."""

    def __init__(self) -> None:
        self.phases: dict[str, Phase] = {}
        self.current = self.enter("warm-up")

    def enter(self, phase: str) -> Phase:
        """Begin a phase, or go on with one of that name."""
        self.current = self.phases.setdefault(phase, Phase())
        return self.current

    def answered(self, kind: str, seconds: float, failure: str = "") -> None:
        """One request has ended; `failure` says why it counts as dropped."""
        self.current.milliseconds.append(seconds * 1000)
        self.current.requests[kind] += 1
        if failure:
            self.current.failures[f"{kind}: {failure}"] += 1

    def totals(self) -> dict[str, int]:
        """Requests and failures so far, of all phases."""
        return {
            "requests": sum(len(phase.milliseconds) for phase in self.phases.values()),
            "failed": sum(phase.failures.total() for phase in self.phases.values()),
        }


def percentile(ordered: list[float], share: float) -> float:
    """What `share` of some values stayed at or below, by nearest rank; 0 of none."""
    if not ordered:
        return 0.0
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return round(ordered[rank - 1], 1)
