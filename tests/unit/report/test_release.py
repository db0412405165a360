"""What a release and a rollback show."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.model.change import Changed, Proof
from orchestrator.model.step import Step, StepResult
from orchestrator.model.traffic import Compared, Look, Seen, Tally, Watched
from orchestrator.report import release

OLD, NEW = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
FLIP = Step("flip to green", "flip", ("lb-1",))


def changed(proof: Proof | None = None, previous: str = OLD, warnings: tuple[str, ...] = ()) -> Changed:
    """A result."""
    return Changed(NEW, previous, "http://10.0.0.1/", (StepResult(FLIP, {}, 0.12345),), 2.0, proof, warnings)


def test_a_release_ends_with_its_proof() -> None:
    """The whole output."""
    assert release.text(changed(Proof(120, 0, 3.4, 9.0))) == (
        f"live: {NEW}  (before: {OLD})\nopen: http://10.0.0.1/\nproof: 120 requests, 0 failed, p50 3.4 ms, p99 9 ms"
    )


def test_a_first_release_has_no_before() -> None:
    """And without requests there is no proof."""
    assert release.text(changed(previous="")) == f"live: {NEW}\nopen: http://10.0.0.1/"


def test_warnings_come_first() -> None:
    """They must not be overlooked."""
    text = release.text(changed(warnings=("the change dropped 1 of 120 requests (10.0.0.1: answered 502)",)))
    assert text.splitlines()[0] == "warning: the change dropped 1 of 120 requests (10.0.0.1: answered 502)"


def test_the_fields_for_programs() -> None:
    """The names that the issue and docs/json.md promise."""
    fields = release.fields(changed(Proof(120, 0, 3.4, 9.0)))
    assert (fields["release"], fields["previous"]) == (NEW, OLD)
    assert fields["steps"] == [
        {"title": "flip to green", "verb": "flip", "seconds": 0.123, "hosts": ["lb-1"]}
    ]
    assert {key: fields["proof"][key] for key in ("requests", "failed", "p50_ms", "p99_ms")} == {
        "requests": 120, "failed": 0, "p50_ms": 3.4, "p99_ms": 9.0,
    }  # fmt: skip


def test_a_plan_is_numbered() -> None:
    """And ends with what was done: nothing."""
    assert release.plan_text([FLIP]) == f" 1 of 1  {'flip to green':<42} on lb-1\n\nnothing was changed"


def watched() -> Watched:
    """A canary and the flip, on two instances."""
    users = Compared(Tally(5200, 3, 0, {30: 5200}), Tally(130, 0, 2, {30: 130}))
    looks = (Look("web-1", "shop@4101", "active (running)"), Look("web-1", "shop@4102", "active (running)"))
    return Watched(20.4, (5, 100), Seen(users, Compared(after=Tally(500, 0, 0, {15: 500})), looks))


def test_a_watch_says_what_it_compared() -> None:
    """In one line, below the proof."""
    shown = release.text(replace(changed(Proof(120, 0, 3.4, 9.0)), watched=watched())).splitlines()
    assert shown[-1] == (
        "watch: 20 s, 2 instances, 130 requests of users, 0 failed, p95 17.4 ms (before: 5200, 3 failed, p95 17.4 ms)"
    )


def test_the_fields_of_a_watch() -> None:
    """All that was measured, users and probe apart; null where nobody looked."""
    assert release.fields(changed())["watch"] is None
    assert release.fields(replace(changed(), watched=watched()))["watch"] == {
        "seconds": 20.4, "shares": [5, 100], "instances": 2,
        "before": {"requests": 5200, "failed": 3, "aborted": 0, "p50_ms": 17.4, "p95_ms": 17.4, "p99_ms": 17.4},
        "after": {"requests": 130, "failed": 0, "aborted": 2, "p50_ms": 17.4, "p95_ms": 17.4, "p99_ms": 17.4},
        "probe": {"requests": 500, "failed": 0, "aborted": 0, "p50_ms": 4.2, "p95_ms": 4.2, "p99_ms": 4.2},
    }  # fmt: skip
