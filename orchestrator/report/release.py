"""What a release and a rollback show: the result with its proof, and the plan of --dry-run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from orchestrator.model.change import Changed, Proof
from orchestrator.model.step import Step, StepResult
from orchestrator.model.traffic import Tally, Watched


def text(changed: Changed) -> str:
    """For people."""
    before = f"  (before: {changed.previous})" if changed.previous else ""
    lines = [f"warning: {warning}" for warning in changed.warnings]
    lines += [f"live: {changed.release}{before}", f"open: {changed.url}"]
    if changed.proof:
        lines.append(proof_line(changed.proof))
    if changed.watched:
        lines.append(watch_line(changed.watched))
    return "\n".join(lines)


def proof_line(proof: Proof) -> str:
    """The proof in one line."""
    return (
        f"proof: {proof.requests} requests, {proof.failed} failed, "
        f"p50 {proof.p50_ms:g} ms, p99 {proof.p99_ms:g} ms"
    )


def watch_line(watched: Watched) -> str:
    """What the watch compared, in one line."""
    before, after = watched.seen.users.before, watched.seen.users.after
    return (
        f"watch: {watched.seconds:.0f} s, {len(watched.seen.looks)} instances, {after.requests} requests of users, "
        f"{after.failed} failed, p95 {after.quantile_ms(0.95):g} ms "
        f"(before: {before.requests}, {before.failed} failed, p95 {before.quantile_ms(0.95):g} ms)"
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
        "watch": _watch(changed.watched) if changed.watched else None,
        "warnings": list(changed.warnings),
    }


def step_fields(results: Iterable[StepResult]) -> list[dict[str, Any]]:
    """What was done, for programs."""
    return [
        {**_step(one.step), "seconds": round(one.seconds, 3), "hosts": list(one.step.hosts)}
        for one in results
    ]


def _watch(watched: Watched) -> dict[str, Any]:
    users = watched.seen.users
    return {
        "seconds": round(watched.seconds, 3), "shares": list(watched.shares), "instances": len(watched.seen.looks),
        "before": _tally(users.before), "after": _tally(users.after), "probe": _tally(watched.seen.probe.after),
    }  # fmt: skip


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "requests": tally.requests, "failed": tally.failed, "aborted": tally.aborted,
        "p50_ms": tally.quantile_ms(0.5), "p95_ms": tally.quantile_ms(0.95), "p99_ms": tally.quantile_ms(0.99),
    }  # fmt: skip


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
