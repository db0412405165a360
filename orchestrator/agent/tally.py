"""What a pool did with its requests, in numbers that can be added up over load balancers.

Latency is counted in classes, each 10 % wider than the one before: a quantile of all load balancers together can be
told from their sum, which it cannot from their quantiles. The rule is also the controller's (model/traffic.py).
"""

from __future__ import annotations

import math
from typing import Any

_STEP = math.log(1.1)
_MOST_CLASS = 200
_FIRST_FAILURE = 500
_ABORTED = 499
"""nginx's own: the client went away before it had its answer. That is not the app's failure, so it is counted apart."""

_SWITCHED = 101
"""A WebSocket: its time is how long it was open."""

_SHOWN_FAILURES = 3


def latency_class(ms: float) -> int:
    """The class of a time: 0 up to a millisecond, n up to 1.1 to the power of n."""
    return min(_MOST_CLASS, max(0, math.ceil(math.log(ms) / _STEP - 1e-9))) if ms > 1 else 0


class Tally:
    """The requests of one pool; a failure is an answer of 500 and above."""

    def __init__(self) -> None:
        self.requests = self.failed = self.aborted = 0
        self.latency: dict[int, int] = {}
        self.upstreams: dict[str, list[int]] = {}
        self.failures: list[dict[str, Any]] = []

    def add(self, line: dict[str, Any], upstream: str) -> None:
        """Count one line of the access log."""
        status = int(line.get("status") or 0)
        failed = status >= _FIRST_FAILURE
        self.requests += 1
        self.failed += failed
        self.aborted += status == _ABORTED
        counts = self.upstreams.setdefault(upstream, [0, 0])
        counts[0] += 1
        counts[1] += failed
        if failed and len(self.failures) < _SHOWN_FAILURES:
            self.failures.append({key: line.get(key) for key in ("method", "path", "status", "id")})
        if status != _SWITCHED:
            self._add_time(latency_class(1000 * _seconds(line, status)))

    def _add_time(self, number: int) -> None:
        self.latency[number] = self.latency.get(number, 0) + 1

    def fields(self) -> dict[str, Any]:
        """For the answer."""
        return {
            "requests": self.requests, "failed": self.failed, "aborted": self.aborted,
            "latency": {str(number): count for number, count in sorted(self.latency.items())},
            "upstreams": self.upstreams, "failures": self.failures,
        }  # fmt: skip


def _seconds(line: dict[str, Any], status: int) -> float:
    """How long the app took to begin its answer, over all tries; a client on a slow line does not count.

    Where there was no answer: how long the client waited.
    """
    tries = str(line.get("header_seconds") or "").replace(":", ",").split(",")
    times = [float(one) for one in tries if one.strip().replace(".", "", 1).isdigit()]
    return sum(times) if times and status != _ABORTED else float(line.get("seconds") or 0)
