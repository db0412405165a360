"""One line of an app's journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes:
        time: ISO 8601 with microseconds, UTC, by the host's clock: ordered by text.
        host: Inventory name.
        instance: "shop@4101".
        text: As the app wrote it.
    """

    time: str
    host: str
    instance: str
    text: str
