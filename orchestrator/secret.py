"""A value that never shows itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEY_VARIABLE = "VPSDEPLOY_SECRETS_KEY"
"""Environment variable of this machine: the key of a stage's secrets (config/secret_key.py)."""

KEY_COMMAND_VARIABLE = "VPSDEPLOY_SECRETS_KEY_COMMAND"
"""The same: a command that prints it."""


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


def revealed(value: Any) -> str:
    """For json.dumps(default=...), in the one place that sends requests.

    Raises: TypeError: anything else that JSON has no form for.
    """
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def without_key(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for programs that are not ours: builds and hooks have no use for the key."""
    return {
        name: value for name, value in environment.items() if name not in (KEY_VARIABLE, KEY_COMMAND_VARIABLE)
    }
