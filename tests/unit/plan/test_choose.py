"""Which release a rollback goes to."""

from __future__ import annotations

import pytest

from orchestrator.errors import UsageError
from orchestrator.facts import host
from orchestrator.facts.fleet import FleetFacts
from orchestrator.plan import choose
from tests.support.fleet import APP, FakeHost, stage

A, B, C = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb", "20261103000000-cccccccc"


def facts_of(live: str, *kept: list[str]) -> FleetFacts:
    """Hosts that keep these releases, with one of them live in blue."""
    of = stage(*(f"web-{n}" for n, _ in enumerate(kept, 1)))
    found = []
    for one, releases in zip(of.hosts, kept, strict=True):
        fake = FakeHost(one)
        fake.releases, fake.pools["blue"] = releases, {"release": live, "ports": [1], "state": "running"}
        found.append(host.parse(one.name, APP, fake.facts({})))
    return FleetFacts(of, tuple(found))


def confirmed(*releases: str) -> list[dict[str, object]]:
    """A history in which these went live, in order."""
    return [{"verb": "confirm", "to": release} for release in releases]


def test_without_a_name_it_is_the_one_that_was_live_before() -> None:
    """By history: after A, C, A it is C, not what the ids would say."""
    assert choose.previous(facts_of(A, [A, B, C]), confirmed(B, A, C, A)).id == C


def test_a_release_that_never_served_is_not_gone_back_to() -> None:
    """B failed its gate: it is kept, and skipped."""
    assert choose.previous(facts_of(C, [A, B, C]), confirmed(A, C)).id == A


def test_without_history_it_is_the_next_older_one() -> None:
    """A lost history does not stop a rollback."""
    assert choose.previous(facts_of(C, [A, B, C]), []).id == B


def test_a_beginning_that_fits_one_release_is_enough() -> None:
    """A unique prefix."""
    assert choose.named(facts_of(C, [A, B, C]), "20261101").id == A


@pytest.mark.parametrize(
    ("wanted", "what"),
    [("1999", "no release '1999'"), ("2026", "'2026' fits 3 releases"), (C, f"release {C} is live already")],
)
def test_a_name_that_does_not_do_lists_what_is_kept(wanted: str, what: str) -> None:
    """Unknown, ambiguous, or live already."""
    with pytest.raises(UsageError) as caught:
        choose.named(facts_of(C, [A, B, C]), wanted)
    assert caught.value.what == what
    assert caught.value.why == f"kept on all app hosts:\n{C}    (live)\n{B}\n{A}"


def test_a_release_that_one_host_has_pruned_is_not_kept() -> None:
    """Every app host must have it."""
    assert [one.id for one in choose.kept(facts_of(C, [A, B, C], [B, C]))] == [C, B]


def test_a_single_release_cannot_be_left() -> None:
    """Nothing to go back to."""
    with pytest.raises(UsageError, match="there is no release to go back to"):
        choose.previous(facts_of(A, [A]), confirmed(A))
