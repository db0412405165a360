"""One contender: its releases without a load (time, bytes), then under load (what was dropped, how slow it got)."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.contest import figures
from benchmarks.contest.contender import Contender
from benchmarks.contest.stages import DRAIN_SECONDS
from benchmarks.load.driver import Load

WARM_UP, WITHOUT, RELEASE, BETWEEN = "warm-up", "without", "release", "between"
"""Phases: the load begins, nothing is released, a command runs, the old version goes (ours drains)."""

WARM_UP_SECONDS, WITHOUT_SECONDS = 5, 5
"""`WITHOUT` is measured before each release: taken once, it would compare two moods of the machine."""

SETTLE_SECONDS = DRAIN_SECONDS + 3
"""After a release: the old pool's drain, its end, and a margin."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    Attributes:
        quiet: Releases without a load, for times and bytes (count).
        releases: Releases under load (count).
        requests: At least so many under load (count); the pauses between releases stretch for them.
        limit_seconds: Longest load.
    """

    quiet: int
    releases: int
    requests: int
    limit_seconds: float


def measure(contender: Contender, sizes: Sizes) -> dict[str, Any]:
    """All figures of one contender, which has been set up."""
    quiet = [_quiet(contender, n) for n in range(1, sizes.quiet + 1)]
    time.sleep(SETTLE_SECONDS)
    idle_bytes = contender.box.resident_bytes(contender.processes)
    phases = _under_load(contender, sizes)
    return {
        "name": contender.name, "releases": sizes.releases,
        "seconds": statistics.median(one["seconds"] for one in quiet),
        "boot_seconds": statistics.median(one["boot_seconds"] for one in quiet),
        "sent_bytes": statistics.median(one["sent_bytes"] for one in quiet),
        "idle_bytes": idle_bytes, "phases": phases, **figures.sums(phases),
    }  # fmt: skip


def _quiet(contender: Contender, n: int) -> dict[str, float]:
    contender.prepare(n)
    time.sleep(SETTLE_SECONDS)
    before = contender.box.received_bytes()
    seconds, boot_seconds = contender.release()
    sent = contender.box.received_bytes() - before
    return {"seconds": seconds, "boot_seconds": boot_seconds, "sent_bytes": sent}


def _under_load(contender: Contender, sizes: Sizes) -> dict[str, Any]:
    with Load(contender.box.address, seconds=sizes.limit_seconds) as load:
        time.sleep(WARM_UP_SECONDS)
        for n in range(1, sizes.releases + 1):
            contender.prepare(1 + n % 2)  # two versions in turn
            load.phase(WITHOUT)
            time.sleep(WITHOUT_SECONDS)
            load.phase(RELEASE)
            contender.release()
            load.phase(BETWEEN)
            time.sleep(SETTLE_SECONDS)
            while load.requests() < sizes.requests * n / sizes.releases:
                time.sleep(1)
    return load.phases


def control(contender: Contender) -> dict[str, int]:
    """Restart every instance at once, which must drop requests: the load can see it. Reload nginx, which may.

    Returns: Failures by what was done.
    """
    acts = {figures.MUST_DROP: "systemctl restart 'hello-nest@*'", "nginx reloaded 5 times":
            "for n in 1 2 3 4 5; do systemctl reload nginx; sleep 1; done"}  # fmt: skip
    with Load(contender.box.address, seconds=120) as load:
        time.sleep(WARM_UP_SECONDS)
        for title, command in acts.items():
            load.phase(title)
            contender.box.run(command)
            time.sleep(SETTLE_SECONDS)
    return {title: load.phases[title]["failed"] for title in acts}
