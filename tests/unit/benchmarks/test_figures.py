"""From what was measured to figures, tables and a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.contest import figures


def _phase(requests: int, failed: int = 0, p99_ms: float = 20.0, **sockets: int) -> dict[str, Any]:
    failures = {"GET: HTTP 503": failed} if failed else {}
    return {"requests": requests, "failed": failed, "p50_ms": 5.0, "p99_ms": p99_ms, "failures": failures,
            "sockets": sockets}  # fmt: skip


def _result(**other: Any) -> dict[str, Any]:
    phases = {
        "without": _phase(1000),
        "release": _phase(200, 2, 40.0, cut=3),
        "between": _phase(9000, 1, cut=1),
    }
    base = {"name": "one", "releases": 4, "seconds": 1.5, "boot_seconds": 0.5, "sent_bytes": 12_345,
            "idle_bytes": 0, "phases": phases, **figures.sums(phases)}  # fmt: skip
    return {**base, **other}


def test_what_was_dropped_after_a_command_counts_too() -> None:
    """The old version goes when the command has ended."""
    sums = figures.sums(_result()["phases"])
    assert (sums["requests"], sums["failed"]) == (10_200, 3)
    assert sums["failures"] == {"GET: HTTP 503": 3}
    assert sums["sockets"] == {"cut": 4}


def test_the_table_of_what_was_dropped() -> None:
    """The whole of it."""
    assert figures.dropped_table([_result()]) == (
        "under load  releases  requests  dropped  p50 without  p50 with  p99 without  p99 with  "
        "WebSockets cut  messages lost\n"
        "one                4    10,200        3       5.0 ms    5.0 ms      20.0 ms   40.0 ms  "
        "             4              0"
    )


def test_the_table_of_what_a_release_costs() -> None:
    """A boot that is not known is a dash."""
    assert figures.cost_table([_result(), _result(name="two", boot_seconds=0.0, idle_bytes=7e7)]) == (
        "one-line change  wall clock  of it boot  received by the host  idle memory of the tool\n"
        "one                  1.50 s      0.50 s               12.3 kB                      0 B\n"
        "two                  1.50 s           -               12.3 kB                  70.0 MB"
    )


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_for_people(count: float, text: str) -> None:
    """Decimal units."""
    assert figures.size(count) == text


DROPPED = {figures.MUST_DROP: 5, "nginx reloaded": 0}
BLIND = {figures.MUST_DROP: 0, "nginx reloaded": 3}


def _ours(**other: Any) -> list[dict[str, Any]]:
    return [_result(name=figures.OURS, **other), _result(name="a peer", failed=9, idle_bytes=9)]


def test_a_run_without_drops_of_ours_whose_control_dropped_passes() -> None:
    """What peers drop is theirs."""
    assert figures.verdict(_ours(failed=0), DROPPED) == []


@pytest.mark.parametrize(
    ("results", "control", "said"),
    [(_ours(failed=0), BLIND, "the control dropped nothing"), (_ours(), DROPPED, "dropped 3 of"),
     (_ours(failed=0, idle_bytes=1), DROPPED, "left 1 B of processes")],
)  # fmt: skip
def test_what_makes_a_run_fail(results: list[dict[str, Any]], control: dict[str, int], said: str) -> None:
    """Above all a load that cannot see a drop: its zero would mean nothing."""
    (found,) = figures.verdict(results, control)
    assert said in found
