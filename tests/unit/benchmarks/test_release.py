"""What is made of the times of releases and rollbacks."""

from __future__ import annotations

from benchmarks import release

ROUNDS = [
    {"release": (2.0 + n, 0.5), "rollback": (1.0 + n, 0.5), "rollback, warm": (0.5 + n, 0.0)}
    for n in (0, 1, 5)
]


def test_the_median_is_taken_of_what_is_left_without_the_boot() -> None:
    """A boot that was slow once is not the tool's."""
    rounds = [*ROUNDS, {"release": (9.0, 8.0), "rollback": (9.0, 8.0), "rollback, warm": (1.0, 0.0)}]
    assert release.own_seconds(rounds[1:], "release") == 2.5


def test_the_table_of_one_series() -> None:
    """The whole of it."""
    assert release.rounds_text(ROUNDS, "one host") == (
        "one host        median    boot     own  least own   limit\n"
        "release         3.00 s  0.50 s  2.50 s     1.50 s  2.00 s\n"
        "rollback        2.00 s  0.50 s  1.50 s     0.50 s  1.00 s\n"
        "rollback, warm  1.50 s  0.00 s  1.50 s     0.50 s  0.50 s"
    )


def test_a_fleet_is_compared_without_the_boots() -> None:
    """They share the cores that the controller runs on."""
    many = [{"release": (6.0, 1.0), "rollback": (6.0, 4.5), "rollback, warm": (3.0, 0.0)}]
    said = release.ratio_text(ROUNDS, many)
    assert "release 2.00 x, rollback 1.00 x, rollback, warm 2.00 x (limit 1.6 x)" in said
