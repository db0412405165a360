"""What the clients of a load saw."""

from __future__ import annotations

import pytest

from benchmarks.load.tally import Tally, percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, 0.0), ([7.0], 0.5, 7.0), ([7.0], 0.99, 7.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
     ([float(n) for n in range(1, 101)], 0.99, 99.0), ([float(n) for n in range(1, 102)], 0.99, 100.0)],
)  # fmt: skip
def test_a_percentile_is_the_nearest_rank(values: list[float], share: float, expected: float) -> None:
    """The smallest value that at least that share stays at or below."""
    assert percentile(values, share) == expected


def test_a_request_counts_in_the_phase_in_which_it_ended() -> None:
    """Also those that failed."""
    tally = Tally()
    tally.answered("GET", 0.010)
    tally.enter("release")
    tally.answered("POST", 0.030, "HTTP 503")
    tally.answered("GET", 0.020)
    summaries = {name: phase.summary() for name, phase in tally.phases.items()}
    assert [summaries[name]["requests"] for name in ("warm-up", "release")] == [1, 2]
    assert summaries["release"]["failures"] == {"POST: HTTP 503": 1}
    assert summaries["release"]["by_kind"] == {"GET": 1, "POST": 1}
    assert tally.totals() == {"requests": 3, "failed": 1}


def test_a_phase_goes_on_when_it_is_entered_again() -> None:
    """Releases take turns with pauses."""
    tally = Tally()
    for phase in ("release", "between", "release"):
        tally.enter(phase)
        tally.answered("GET", 0.001)
    assert len(tally.phases["release"].milliseconds) == 2


def test_a_summary_counts_all_failures_and_names_the_most_frequent() -> None:
    """A thousand different reasons would hide the ones that matter."""
    tally = Tally()
    for n in range(50):
        tally.answered("GET", 0.001, f"reason {n}")
    tally.answered("GET", 0.001, "reason 7")
    summary = tally.current.summary()
    assert summary["failed"] == 51
    assert next(iter(summary["failures"])) == "GET: reason 7"
    assert len(summary["failures"]) < 50
