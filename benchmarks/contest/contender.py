"""What each contender has to do; measured is `release` alone."""

from __future__ import annotations

from typing import Protocol

from benchmarks.contest.box import Box


class Contender(Protocol):
    """A way to release the app onto one host.

    Attributes:
        name: In the figures.
        box: The host that serves.
        processes: Pattern of command lines that are the tool's own on that host, not the app's; must not match itself.
    """

    name: str
    box: Box
    processes: str

    def set_up(self) -> None:
        """Everything that is done once, up to a first release that serves."""

    def prepare(self, n: int) -> None:
        """Change one line; build, commit or pack it. Outside of the clock."""

    def release(self) -> tuple[float, float]:
        """Release what was prepared. Returns: wall clock, and the app's own boot in it (0: not known), in seconds."""
