"""What a release and a rollback show: the result with its proof, and the plan of --dry-run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from orchestrator.model.change import Changed, Proof
from orchestrator.model.step import Step, StepResult


def text(changed: Changed) -> str:
    """For people."""
    before = f"  (before: {changed.previous})" if changed.previous else ""
    lines = [f"warning: {warning}" for warning in changed.warnings]
    lines += [f"live: {changed.release}{before}", f"open: {changed.url}"]
    if changed.proof:
        lines.append(proof_line(changed.proof))
    return "\n".join(lines)


def proof_line(proof: Proof) -> str:
    """The proof in one line."""
    return (
        f"proof: {proof.requests} requests, {proof.failed} failed, "
        f"p50 {proof.p50_ms:g} ms, p99 {proof.p99_ms:g} ms"
    )


def fields(changed: Changed) -> dict[str, Any]:
    """For programs (kinds "release" and "rollback")."""
    return {
        "release": changed.release,
        "previous": changed.previous or None,
        "url": changed.url,
        "seconds": round(changed.seconds, 3),
        "boot_seconds": round(changed.boot_seconds, 3),
        "steps": step_fields(changed.steps),
        "proof": asdict(changed.proof) if changed.proof else None,
        "warnings": list(changed.warnings),
    }


def step_fields(results: Iterable[StepResult]) -> list[dict[str, Any]]:
    """What was done, for programs."""
    return [
        {**_step(one.step), "seconds": round(one.seconds, 3), "hosts": list(one.step.hosts)}
        for one in results
    ]


def plan_text(steps: Iterable[Step]) -> str:
    """The steps of --dry-run."""
    numbered = list(enumerate(steps, 1))
    lines = [
        f"{n:>2} of {len(numbered)}  {step.title:<42} on {', '.join(step.hosts) or 'this machine'}"
        for n, step in numbered
    ]
    return "\n".join([*lines, "", "nothing was changed"])


def plan_fields(release: str, steps: Iterable[Step]) -> dict[str, Any]:
    """The steps of --dry-run for programs (kind "release_plan")."""
    return {"release": release, "steps": [{**_step(step), "hosts": list(step.hosts)} for step in steps]}


def _step(step: Step) -> dict[str, str]:
    return {"title": step.title, "verb": step.verb}
