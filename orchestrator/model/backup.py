"""Backups, as commands see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Good:
    """The last good backup at a target.

    Attributes:
        time: When it was begun, ISO 8601, UTC.
        snapshot: Its id.
        size_bytes: Of all it holds.
        files: That it holds (count).
        databases: Sizes of the dumps by database (bytes).
    """

    time: str
    snapshot: str
    size_bytes: int
    files: int
    databases: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reached:
    """The log of PostgreSQL in a drill: a base backup brought to the last moment that there was.

    Attributes:
        moment: ISO 8601, UTC.
        seconds: How long that took, with counting.
        rows: That were counted.
        checks: Assertions that were met (count).
    """

    moment: str
    seconds: float
    rows: int
    checks: int


@dataclass(frozen=True, slots=True)
class Drilled:
    """The last good restore drill of a target.

    Attributes:
        time: When, ISO 8601, UTC.
        snapshot: Which backup it was.
        seconds: From the first byte read to the last row counted: how long a restore takes.
        age_seconds: Of the data at that moment: what a loss of the host would have cost.
        rows: That were counted in all databases, equal to those of the dump.
        checks: Assertions that were met (count).
        reached: By PostgreSQL's log; None: it was not sent, or there was no base backup yet.
    """

    time: str
    snapshot: str
    seconds: float
    age_seconds: float
    rows: int
    checks: int
    reached: Reached | None = None


@dataclass(frozen=True, slots=True)
class TargetState:
    """What a host knows of one of its targets; None: that never happened.

    Attributes:
        moments: What can be restored of PostgreSQL, each from one moment to another (ISO 8601, UTC); None: its log is
            not sent.
        intact: What the last check of the repository found; None: it was never checked.
    """

    name: str
    good: Good | None
    drilled: Drilled | None
    intact: bool | None
    moments: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class HostBackups:
    """What a host says of the app's backups.

    Attributes:
        troubles: What somebody has to look at.
    """

    targets: tuple[TargetState, ...]
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One backup in a repository."""

    id: str
    time: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A target's backups on one host, oldest first.

    Attributes:
        problem: Why they cannot be listed; empty where they can.
    """

    host: str
    target: str
    snapshots: tuple[Snapshot, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did on some hosts.

    Attributes:
        hosts: What each says of its backups now.
        answers: What each answered besides.
    """

    stage: str
    hosts: dict[str, HostBackups]
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the backups, as far as people may see it."""

    name: str
    size_bytes: int
    digest: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class Keys:
    """All of a stage's.

    Attributes:
        file: Where they are, relative to the project.
        missing: Names that a target needs and that nobody has set or made.
        public_key: What an SFTP target's authorized_keys needs; empty where there is none.
    """

    stage: str
    file: str
    keys: tuple[Key, ...]
    missing: tuple[str, ...]
    public_key: str
