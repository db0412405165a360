"""The env variables of a stage, as far as people may see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret as the repository has it.

    Attributes:
        name: Of the env variable.
        by: Who set it, "user@machine".
        at: When, ISO 8601, UTC.
        sealed: The encrypted value.
    """

    name: str
    by: str
    at: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A secret as `vpsdeploy env list` shows it.

    Attributes:
        size_bytes: Of the value; None where the key is not here.
        digest: Keyed, so that it tells same from other among those who have the key, and nothing to anybody else.
    """

    name: str
    by: str
    at: str
    size_bytes: int | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that processes of a stage are given.

    Attributes:
        stage: Its name.
        key: Name of the key; empty where there are no secrets yet.
        problem: Why the key is not here; empty where it is.
        secrets: By name.
        plain: Names that vpsdeploy.yml sets.
        missing: Names that are required (env_required) and set nowhere.
    """

    stage: str
    key: str
    problem: str
    secrets: tuple[Seen, ...]
    plain: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edited:
    """What a command changed in the file of secrets.

    Attributes:
        stage: Its name.
        file: The file, relative to the project where it is in it.
        set: Names that are new or have a new value, with its size in bytes.
        same: Names whose value was that before.
        unset: Names that are gone.
        refused: What was not taken, with the reason.
        key: Name of the key.
        key_file: Where it was written to; empty where it was there.
    """

    stage: str
    file: str
    set: dict[str, int]
    same: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    key: str = ""
    key_file: str = ""
