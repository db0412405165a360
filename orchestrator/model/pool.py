"""The two pools of an app and their ports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_INSTANCES = 99
"""Most instances of one app per host: what fits between the blue and the green ports (count)."""

PORT_SPAN = 200
"""Ports that one app reserves from its base port on (count)."""

_GREEN_OFFSET = 100


class Colour(StrEnum):
    """A pool's colour."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Colour:
        """The pool that is idle while this one is live."""
        return Colour.GREEN if self is Colour.BLUE else Colour.BLUE


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of an app: blue has base+1 … base+N, green base+101 … base+100+N."""

    base: int
    instances: int

    def of(self, colour: Colour) -> tuple[int, ...]:
        """The ports of one pool, one for each instance on a host."""
        first = self.base + 1 + (_GREEN_OFFSET if colour is Colour.GREEN else 0)
        return tuple(range(first, first + self.instances))
