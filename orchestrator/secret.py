"""A value that never shows itself."""

from __future__ import annotations


class Secret:
    """Wrap a value so that printing, formatting, logging or comparing reprs shows "[redacted]".

    Only reveal() gives the value: search for it to find every place where a secret is used.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __str__(self) -> str:
        return "[redacted]"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
