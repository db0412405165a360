"""Putting right what a command that died left behind, under our lock and before anything else is done."""

from __future__ import annotations

from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.step import Step
from orchestrator.plan import recover
from orchestrator.report.reporter import Reporter
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.transaction import Transaction


def put_in_order(
    context: Context, reporter: Reporter, *, lost: str = "", decided: bool = False
) -> FleetFacts:
    """Ask every host, and repair.

    Args:
        context: The hosts, with our locks.
        reporter: Told what is repaired.
        lost: A host that may be silent.
        decided: Whether a person has named what is to be live next (recover.steps).
    Returns: What is so now that nobody else changes it.
    Raises: VpsdeployError
    """
    facts, repairs = context.facts(lost=lost), Transaction(context, reporter, context.story.command)
    if joined := tuple(sorted(host.name for host in facts.hosts if host.name not in context.tokens)):
        repairs.run(Step("take the lock of a host that has joined meanwhile", "lock", joined))
        facts = context.facts(lost=lost)
    _tell_returns(context, reporter, facts)
    steps = recover.steps(facts, context.config.release.drain_seconds, decided=decided)
    for step in steps:
        hosts = ", ".join(step.hosts)
        reporter.note(f"repairing what an interrupted command left: {step.title} on {hosts}")
        repairs.run(step)
    return context.facts(lost=lost) if steps else facts


def _tell_returns(context: Context, reporter: Reporter, facts: FleetFacts) -> None:
    """Flips that a host took back while no command was there to tell of it."""
    for host in facts.loadbalancers:
        by = str(host.last.get("by"))
        if host.last.get("verb") == "return" and by.startswith(("timer of", "boot")):
            text = f"{host.name} took an unconfirmed flip back ({by}, {host.last.get('time')})"
            reporter.note(text)
            context.story.returns += (text,)
