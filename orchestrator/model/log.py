"""One line of an app's journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes:
        seconds: When, since the epoch, by the host's clock.
        host: Inventory name.
        instance: "shop@4101".
        text: As the app wrote it.
    """

    seconds: float
    host: str
    instance: str
    text: str
