"""What a pool did with its requests, and how its instances are: what a watch looks at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

STEP = 1.1
"""Each class of latency is 10 % wider than the one before; the agent counts by the same rule (agent/tally.py)."""

_SHOWN_FAILURES = 3


def latency_class(ms: float) -> int:
    """The class of a time: 0 up to a millisecond, n up to 1.1 to the power of n."""
    return max(0, math.ceil(math.log(ms) / math.log(STEP) - 1e-9)) if ms > 1 else 0


@dataclass(frozen=True, slots=True)
class Tally:
    """The requests of one pool, by the access logs of the load balancers.

    Attributes:
        requests: Answered or given up (count).
        failed: Answered with 500 and above (count).
        aborted: Where the client went away first (count); not among the failed.
        latency: Requests by class of latency.
        upstreams: (requests, failed) by the address of the instance.
        failures: Some of the failed requests, in words.
    """

    requests: int = 0
    failed: int = 0
    aborted: int = 0
    latency: Mapping[int, int] = field(default_factory=dict)
    upstreams: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        latency = {
            n: self.latency.get(n, 0) + other.latency.get(n, 0) for n in {*self.latency, *other.latency}
        }
        pairs = {
            name: (self._of(name)[0] + other._of(name)[0], self._of(name)[1] + other._of(name)[1])
            for name in {*self.upstreams, *other.upstreams}
        }
        return Tally(
            self.requests + other.requests, self.failed + other.failed, self.aborted + other.aborted, latency, pairs,
            (*self.failures, *other.failures)[:_SHOWN_FAILURES],
        )  # fmt: skip

    def _of(self, name: str) -> tuple[int, int]:
        return self.upstreams.get(name, (0, 0))

    @property
    def timed(self) -> int:
        """Requests whose latency is known (count): not WebSockets."""
        return sum(self.latency.values())

    def quantile_ms(self, share: float) -> float:
        """A quantile of the latency, by nearest rank: the upper end of its class; 0 without requests."""
        rank = math.ceil(share * self.timed)
        for number in sorted(self.latency):
            rank -= self.latency[number]
            if rank <= 0:
                return round(STEP**number, 1)
        return 0.0

    def slower_than(self, ms: float) -> int:
        """Requests whose whole class is slower (count)."""
        return sum(count for number, count in self.latency.items() if STEP ** (number - 1) >= ms)


@dataclass(frozen=True, slots=True)
class Look:
    """One instance of the new pool, as it is now.

    Attributes:
        name: "shop@4101".
        state: systemd's, in words: "active (running)".
        restarts: Since it was started (count).
        unhealthy: What is wrong with its health answer; empty where nothing is.
        looks: For how many looks in a row it has been unhealthy (count).
        why: How it ended, with its last lines; empty where it runs.
    """

    host: str
    name: str
    state: str
    restarts: int = 0
    unhealthy: str = ""
    looks: int = 0
    why: str = ""

    @property
    def runs(self) -> bool:
        """Whether it has run without a break since it was started."""
        return self.state == "active (running)" and not self.restarts


@dataclass(frozen=True, slots=True)
class Compared:
    """The old pool beside the new one, of one kind of client.

    Attributes:
        before: What the old pool did, before the flip and beside a canary.
        after: What the new pool did in this watch.
        warm: The same without the first seconds, in which a new process is slow.
    """

    before: Tally = Tally()
    after: Tally = Tally()
    warm: Tally = Tally()


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a watch has seen so far.

    Attributes:
        users: Requests of users.
        probe: The controller's own requests through the load balancers.
        looks: Every instance of the new pool.
        silent_seconds: For how long the probe has had no good answer, by load balancer's address.
    """

    users: Compared = Compared()
    probe: Compared = Compared()
    looks: tuple[Look, ...] = ()
    silent_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a release's watches saw, all of them together.

    Attributes:
        seconds: All watches together.
        shares: The share of the requests in each of them, in percent.
        seen: Of the last one.
    """

    seconds: float
    shares: tuple[int, ...]
    seen: Seen
