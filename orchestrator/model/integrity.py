"""What a host found when it looked at its own files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Integrity:
    """The newest of a host's nightly looks.

    Attributes:
        time: ISO 8601, UTC; empty where there was none yet.
        count: Findings (count).
        findings: The first of them, one text each.
    """

    time: str
    count: int = 0
    findings: tuple[str, ...] = ()
