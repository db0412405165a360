"""What is made of the times of releases and rollbacks."""

from __future__ import annotations

import pytest

from benchmarks import release
from benchmarks.release import Timed

ROUNDS = [
    {
        "release": Timed(2.0 + n, 0.5, 0.4),
        "rollback": Timed(1.0 + n, 0.5, 0.3),
        "rollback, warm": Timed(0.5 + n, 0.0, 0.3),
    }
    for n in (0, 1, 5)
]


def test_the_median_is_taken_of_what_is_left_without_the_boot() -> None:
    """A boot that was slow once is not the tool's."""
    rounds = [{"release": Timed(*times)} for times in ((9.0, 8.0, 1.0), (3.0, 0.5, 1.0), (7.0, 0.5, 1.0))]
    parts = release.medians(rounds, "release")
    assert (parts["own"], parts["least"], parts["wall"]) == pytest.approx((2.5, 1.0, 7.0))


def test_the_table_of_one_series() -> None:
    """The whole of it."""
    assert release.rounds_text(ROUNDS, "one host") == (
        "one host        median    boot     own  least own  controller  limit of own\n"
        "release         3.00 s  0.50 s  2.50 s     1.50 s      0.40 s        2.00 s\n"
        "rollback        2.00 s  0.50 s  1.50 s     0.50 s      0.30 s        1.00 s\n"
        "rollback, warm  1.50 s  0.00 s  1.50 s     0.50 s      0.30 s        0.50 s"
    )


def test_a_fleet_is_compared_without_the_boots() -> None:
    """They share the cores that the controller runs on; its own part is named apart."""
    many = [{name: Timed(6.0, 1.0, 0.6) for name in release.LIMITS}]
    assert release.ratio_text(ROUNDS, many).splitlines() == [
        "release: 2.00 x one host without the boots, the controller 1.50 x",
        "rollback: 3.33 x one host without the boots, the controller 2.00 x",
        "rollback, warm: 3.33 x one host without the boots, the controller 2.00 x",
        "(limit 1.6 x; all hosts share this machine's cores)",
    ]
