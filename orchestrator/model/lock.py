"""A person's lock: what `lock` took and what `unlock` ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock that stays.

    Attributes:
        by: Who holds it: user@controller.
        hosts: All of the stage.
        again: Hosts that the same person had locked already; their message was changed.
    """

    app: str
    stage: str
    by: str
    message: str
    hosts: tuple[str, ...]
    again: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What was ended.

    Attributes:
        was: The lock that each host had, without its token; None where nobody held one.
    """

    app: str
    stage: str
    was: dict[str, dict[str, Any] | None]
