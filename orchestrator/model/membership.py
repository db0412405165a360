"""What taking an app host out, or bringing one back, did."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model.change import Proof
from orchestrator.model.step import StepResult


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of `host drain` and `host join`.

    Attributes:
        host: Inventory name.
        joined: Whether it serves users now.
        release: What the fleet runs; empty before the first release.
        steps: What was done, in order; empty where there was nothing to do.
        seconds: All of it.
        proof: What the probe saw meanwhile; None where nothing was measured.
        warnings: One sentence each.
    """

    host: str
    joined: bool
    release: str
    steps: tuple[StepResult, ...]
    seconds: float
    proof: Proof | None = None
    warnings: tuple[str, ...] = ()

    @property
    def cut_connections(self) -> int:
        """Connections that were still open when the instances were stopped (count)."""
        answers = (
            a for result in self.steps if result.step.verb == "retire" for a in result.answers.values()
        )
        return sum(int(answer.get("cut_connections", 0)) for answer in answers)
