"""When a client sends its next request: a steady rate, which a slow answer delays but never lets pile up."""

from __future__ import annotations

import asyncio
import random
import time


class Pace:
    """One client's clock.

    Args:
        period_seconds: From one request to the next.
    """

    def __init__(self, period_seconds: float) -> None:
        self._period = period_seconds
        self._due = time.monotonic() + random.random() * period_seconds  # noqa: S311 - spreads clients, no secret

    async def next(self) -> None:
        """Wait until the next request is due; at once where that has passed."""
        now = time.monotonic()
        self._due = max(self._due + self._period, now)
        await asyncio.sleep(self._due - now)
