"""What a release and a rollback show."""

from __future__ import annotations

from orchestrator.model.change import Changed, Proof
from orchestrator.model.step import Step, StepResult
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
