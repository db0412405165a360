"""What `vpsdeploy doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.errors import VpsdeployError


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        area: "controller", "config", "project", "stage" or a host's name.
        level: ok, warning or error.
        text: What was seen.
        next: What to type or to edit; empty where all is well.
    """

    area: str
    level: Level
    text: str
    next: str = ""


def ok(area: str, text: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(area, Level.OK, text)


def warning(area: str, text: str, advice: str = "") -> Diagnosis:
    """Works, but will surprise."""
    return Diagnosis(area, Level.WARNING, text, advice)


def error(area: str, text: str, advice: str) -> Diagnosis:
    """Does not work."""
    return Diagnosis(area, Level.ERROR, text, advice)


def from_error(area: str, caught: VpsdeployError, level: Level = Level.ERROR) -> Diagnosis:
    """A check that raised: what and why become the text."""
    text = "\n".join(part for part in (caught.what, caught.why) if part)
    return Diagnosis(area, level, text, caught.next)
