"""The steps of a release at which a fault can strike, by the titles that `release --json` prints."""

from __future__ import annotations

from enum import Enum


class Step(Enum):
    """One step; its value is the title, or the beginning of it where the title goes on with a name."""

    LOCK = "take the lock"
    OFFER = "compare files"
    SEND = "send missing files"
    ASSEMBLE = "assemble"
    START = "start the"
    GATE = "wait until it is healthy"
    FLIP = "flip to"
    CONFIRM_APPS = "confirm on the app hosts"
    CONFIRM = "confirm"
    DRAIN = "drain the"
    PRUNE = "remove old releases"
    UNLOCK = "give the lock back"

    def is_titled(self, title: str) -> bool:
        """Whether a step of this title is meant. "confirm" is a step of its own and the beginning of another."""
        return title == self.value or (self is not Step.CONFIRM and title.startswith(f"{self.value} "))


class Moment(Enum):
    """When, in the step: what can be placed exactly."""

    START = "at its start"
    """The controller has begun the step; no host has heard of it."""

    MIDWAY = "when one host has done it"
    """One host has answered; the others have not heard of it."""


def find(title: str) -> Step | None:
    """The step of a title; None where the drills do not know it."""
    return next((step for step in Step if step.is_titled(title)), None)
