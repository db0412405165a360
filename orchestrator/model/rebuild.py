"""What making an empty host the lost one did."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Way(StrEnum):
    """Where the release came from."""

    BACKUP = "backup"
    BUILD = "build"
    FLEET = "fleet"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rebuild, and how long it took."""

    name: str
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The backup that a host is made of.

    Attributes:
        time: The moment that its data show, ISO 8601, UTC.
        age_seconds: Of the data when they were chosen.
        release: What users saw then; empty where nothing was released, or the backup does not say.
        revision: The commit of it.
    """

    target: str
    snapshot: str
    time: str
    age_seconds: int
    release: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result of `host rebuild`.

    Attributes:
        before: The lost host's address.
        backup: None where there is none, and the host keeps nothing that only a backup has.
        way: Where the release came from.
        release: What is live now; empty where the host serves no users.
        url: Where it answered, asked by the route that users take; empty where the host serves none.
        seconds: All of it, from the command's start to the good answer.
        restored: Data that are back, in words.
        kept: What lay in their place, in words.
        notes: What somebody has to know or do.
    """

    stage: str
    host: str
    address: str
    before: str
    backup: Chosen | None
    way: Way
    release: str
    url: str
    seconds: float
    parts: tuple[Part, ...]
    restored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    certificate: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
