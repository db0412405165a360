"""What one run of a command did, as the hosts' history and notifications tell it."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import VpsdeployError
from orchestrator.model.change import Proof

LIVE, RETURNED, FAILED = "live", "returned", "failed"
"""How a change can end: users see the new release; they saw it, and see the old one again; they never saw it."""

_MOST_WARNINGS = 10


@dataclass(slots=True)
class Story:
    """Filled in while a command goes on; empty fields are not known yet.

    Attributes:
        command: "release" or "rollback"; empty for one that tells no story.
        release: What was to become live.
        previous: What was live before.
        result: LIVE, RETURNED or FAILED; empty while it goes on.
        error: What failed; never its `why`, which may quote an app's log.
        proof: What the probe saw.
        returns: Earlier flips that hosts took back by themselves, a sentence each.
        change: Names this run on every host.
        began_at: ISO 8601, UTC, by this machine's clock.
    """

    command: str = ""
    release: str = ""
    previous: str = ""
    result: str = ""
    error: dict[str, str] = field(default_factory=dict)
    proof: Proof | None = None
    warnings: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    change: str = field(default_factory=lambda: secrets.token_hex(8))
    began_at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return round(time.monotonic() - self._began, 3)

    def failed(self, error: VpsdeployError, *, flipped: bool) -> None:
        """Remember what failed, and whether users had seen the release."""
        self.result = RETURNED if flipped else FAILED
        self.error = {"what": error.what, "host": error.host, "step": error.step}

    def entry(self) -> dict[str, Any] | None:
        """For the hosts' history (verb `unlock`); None where there is nothing to tell."""
        if not (self.command and self.result):
            return None
        figures = {
            "began_at": self.began_at, "seconds": self.seconds, "error": self.error or None,
            "proof": asdict(self.proof) if self.proof else None, "warnings": list(self.warnings[:_MOST_WARNINGS]),
        }  # fmt: skip
        told = {"from": self.previous, "to": self.release, "result": self.result}
        return {"command": self.command, **told, "figures": figures}
