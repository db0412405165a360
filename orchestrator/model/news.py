"""What people and programs are told about a change while it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.model.change import Proof

Moment = Literal["start", "success", "failure", "return"]


@dataclass(frozen=True, slots=True)
class News:
    """One message, before it has the form of a receiver.

    Attributes:
        moment: start, success, failure, or return: users saw a release, and see the one before again.
        command: release or rollback.
        change: Names the run of the command, as in the history.
        release: What is, or was, to become live.
        previous: What was live before; empty where nothing was.
        by: user@controller.
        time: ISO 8601, UTC.
        seconds: Since the command began.
        proof: What the probe saw; None without a measurement.
        error: What failed, on which host, at which step: {"what", "host", "step"}; empty where nothing did.
        state: What users see now; only where something failed.
    """

    moment: Moment
    app: str
    stage: str
    command: str
    change: str
    release: str
    previous: str
    by: str
    time: str
    seconds: float
    proof: Proof | None
    error: dict[str, str]
    state: str
