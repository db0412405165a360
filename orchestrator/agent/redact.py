"""What the app wrote, without its own secrets: our messages end up in logs of CI, in chats and in tickets.

The journal itself keeps what the app wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from orchestrator.agent import durable, releases
from orchestrator.agent.layout import AppLayout

_LEAST_CHARACTERS = 8
"""Shorter values would turn every "1" and "true" of a log into a riddle (our choice)."""

SHOWN = "[redacted]"


class Mask:
    """Replaces the secrets of all releases that are here; they are read when the first text comes.

    Args:
        app: Whose.
    """

    def __init__(self, app: AppLayout) -> None:
        self._app = app

    def __call__(self, value: Any) -> Any:
        """A value of an answer, with every text in it masked."""
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, dict):
            return {key: self(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self(inner) for inner in value]
        return value

    def _masked(self, text: str) -> str:
        if len(text) < _LEAST_CHARACTERS or self._pattern is None:
            return text
        return self._pattern.sub(SHOWN, text)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        """The longest first: one may be a part of another."""
        words = {word for release in releases.identifiers(self._app) for word in self._words(release)}
        ordered = sorted(words, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def _words(self, release: str) -> Iterator[str]:
        """Whole values, and of those with several lines each line: a log has lines."""
        settings = durable.read_json(self._app.release(release) / "settings.json") or {}
        env = settings.get("env") or {}
        for name in settings.get("secrets") or ():
            value = str(env.get(name, ""))
            yield from (one for one in {value, *value.split("\n")} if len(one.strip()) >= _LEAST_CHARACTERS)
