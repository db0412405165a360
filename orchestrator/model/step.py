"""Units of work: a plan is a tuple of steps, a run is a list of results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One verb of the agent on some hosts at once.

    Attributes:
        title: For people: "start the green pool".
        verb: Verb of the agent.
        hosts: Inventory names, served in parallel.
        request: The verb's JSON request, without the fields that every request has (app, token, by).
        tidy: Whether it comes after the change: then its failure is a warning, and the release stands.
    """

    title: str
    verb: str
    hosts: tuple[str, ...]
    request: dict[str, Any] = field(default_factory=dict)
    tidy: bool = False


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did: its answers by host and the time it took."""

    step: Step
    answers: dict[str, dict[str, Any]]
    seconds: float
