"""Waiting for a lock that somebody else holds: in turn with others who wait, and not for ever."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.errors import LockHeld
from orchestrator.report.reporter import Reporter
from orchestrator.workflows import fleet
from orchestrator.workflows.fleet import Context

PAUSE_SECONDS = 1.0
"""Between two attempts; the host keeps our place for many times as long (agent/turns.py)."""

_TELL_SECONDS = 30.0
"""Between two lines for people about the same wait."""


class Patience:
    """How long one command waits for the locks of all hosts together.

    Args:
        context: The hosts.
        reporter: Told who holds the lock.
        seconds: From now on; 0 does not wait.
    """

    def __init__(self, context: Context, reporter: Reporter, seconds: float = 0) -> None:
        self._context, self._reporter, self._seconds = context, reporter, seconds
        self._deadline = 0.0
        self._told = 0.0

    def lock(self, host: str, message: str, *, manual: bool = False) -> dict[str, Any]:
        """Take the lock on one host.

        Raises: LockHeld: somebody else still holds it when our time is up; says who, why and since when.
        """
        self._deadline = self._deadline or time.monotonic() + self._seconds
        while True:
            left = self._deadline - time.monotonic()
            try:
                return fleet.lock(self._context, host, message, manual=manual, wait=left > 0)
            except LockHeld as held:
                if left <= 0:
                    held.why += f"\nwaited {self._seconds:g} s for it" if self._seconds else ""
                    raise
                self._tell(host, held, left)
            time.sleep(min(PAUSE_SECONDS, left))

    def _tell(self, host: str, held: LockHeld, left: float) -> None:
        if self._told and time.monotonic() - self._told < _TELL_SECONDS:
            return
        self._told = time.monotonic()
        self._reporter.note(f"waiting up to {left:.0f} s for the lock of {host}: {held.why}")
