"""What a release or a rollback did, and the proof that nobody noticed."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model.step import StepResult
from orchestrator.model.traffic import Watched


@dataclass(frozen=True, slots=True)
class Proof:
    """What the probe saw through the load balancers.

    Attributes:
        requests: Sent (count).
        failed: Without an answer, or with one of 500 and above (count).
        p50_ms: Median time of an answer; 0 without requests.
        p99_ms: 99th percentile.
        failures: Each distinct failure as text.
        unreachable: Load balancers that did not answer from here before the flip: not measured.
        in_maintenance: Further requests, answered by nginx because the app is in maintenance (count).
    """

    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    failures: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    in_maintenance: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of a release or a rollback.

    Attributes:
        release: What is live now.
        previous: What was live before; empty for a first release.
        url: Where to look at it.
        steps: What was done, in order.
        seconds: The change alone, from the lock to its return.
        proof: None where nothing was measured.
        warnings: One sentence each.
        watched: What was seen between the flip and its confirmation; None where nobody looked.
    """

    release: str
    previous: str
    url: str
    steps: tuple[StepResult, ...]
    seconds: float
    proof: Proof | None
    warnings: tuple[str, ...] = ()
    watched: Watched | None = None

    @property
    def boot_seconds(self) -> float:
        """The app's own share: from the start of its slowest instance's process to the first healthy answer.

        0 where every pool ran already.
        """
        warm = {
            h for r in self.steps if r.step.verb == "start" for h, a in r.answers.items() if a.get("warm")
        }
        gates = (result.answers.items() for result in self.steps if result.step.verb == "gate")
        booted = (answer for gate in gates for host, answer in gate if host not in warm)
        return max((i["boot_seconds"] for answer in booted for i in answer["instances"]), default=0.0)
