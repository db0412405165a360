"""Whether a new pool does worse than the old one: one data file a case, and how often chance is taken for a reason."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.model.traffic import Compared, Look, Seen, Tally
from orchestrator.plan import judge

CASES = sorted((Path(__file__).parents[2] / "cases" / "plan.judge").glob("*.yml"))


def tally(written: dict[str, Any]) -> Tally:
    """Figures from a case; those that it does not name are zero."""
    upstreams = {name: (pair[0], pair[1]) for name, pair in written.get("upstreams", {}).items()}
    changed = {"upstreams": upstreams, "failures": tuple(written.get("failures", ()))}
    return Tally(**{**written, **changed})


def compared(written: dict[str, Any]) -> Compared:
    """`warm` is `after` unless the case tells them apart."""
    after = written.get("after", {})
    return Compared(*(tally(one) for one in (written.get("before", {}), after, written.get("warm", after))))


def seen(written: dict[str, Any]) -> Seen:
    """What a case's watch has seen."""
    looks = tuple(Look(**{"state": "active (running)", **one}) for one in written.get("looks", ()))
    users, probe = (compared(written.get(name, {})) for name in ("users", "probe"))
    return Seen(users, probe, looks, written.get("silent_seconds", {}))


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_the_reasons_are(case: Path) -> None:
    """Whole texts, in order; none where nothing speaks against the new pool."""
    written = yaml.safe_load(case.read_text())
    found = judge.reasons(seen(written))
    shown = [f"{reason.host}: {reason.text}" if reason.host else reason.text for reason in found]
    assert shown == written["reasons"]
    assert judge.is_in_doubt(seen(written)) == written.get("in_doubt", False)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.2])
@pytest.mark.parametrize(("old", "new"), [(1000, 300), (200, 200), (30, 60)])
def test_chance_is_hardly_ever_taken_for_a_reason(rate: float, old: int, new: int) -> None:
    """Both pools fail alike, ten looks: at most 1 of 200 releases is called worse."""
    chance = random.Random(f"{rate} {old} {new}")  # noqa: S311 - no secret: the same draws in each run
    alarms = sum(_is_called_worse(chance, rate, old, new) for _ in range(200))
    assert alarms <= 1


def _is_called_worse(chance: random.Random, rate: float, old: int, new: int) -> bool:
    before = sum(chance.random() < rate for _ in range(old))
    failed = total = 0
    for _ in range(10):
        failed += sum(chance.random() < rate for _ in range(new // 10))
        total += new // 10
        if judge.is_worse(judge.FAILED, (before, old), (failed, total)):
            return True
    return False


def test_the_tail_is_a_probability() -> None:
    """Against a sum over the whole distribution, done the long way."""
    prior, before = (1.0, 100.0), (3, 40)
    parts = [
        judge.chance(prior, before, (k, 12)) - judge.chance(prior, before, (k + 1, 12)) for k in range(12)
    ]
    assert sum(parts) + judge.chance(prior, before, (12, 12)) == pytest.approx(1.0)
    assert all(part > 0 for part in parts)
    assert judge.chance(prior, before, (0, 12)) == 1.0


def test_tallies_of_several_load_balancers_add_up() -> None:
    """Their quantiles come from the sum of their classes."""
    one = Tally(10, 1, 0, {10: 10}, {"a": (10, 1)}, ("x",))
    two = Tally(30, 0, 2, {10: 10, 50: 20}, {"a": (20, 0), "b": (10, 0)}, ("y",))
    both = one + two
    assert (both.requests, both.failed, both.aborted) == (40, 1, 2)
    assert (both.latency, both.upstreams, both.failures) == (
        {10: 20, 50: 20},
        {"a": (30, 1), "b": (10, 0)},
        ("x", "y"),
    )
    assert (both.quantile_ms(0.5), both.quantile_ms(0.95)) == (2.6, 117.4)
    assert both.slower_than(100) == 20
    assert Tally().quantile_ms(0.95) == 0.0
