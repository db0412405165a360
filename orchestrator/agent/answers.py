"""Answers: JSON lines on standard output. A reader that went away never stops a verb midway."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any, BinaryIO


class Answers:
    """Where a verb's progress and result go.

    Attributes:
        read: Whether somebody still reads them.
        mask: What an answer goes through first (agent/redact.py); None: nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.read = True
        self.mask: Callable[[Any], Any] | None = None

    def progress(self, **fields: Any) -> None:
        """Say how far the verb is."""
        self.line({"event": "progress", **fields})

    def file(self) -> BinaryIO:
        """Standard output itself, for a verb whose answer is no text."""
        return os.fdopen(os.dup(self._descriptor), "wb")

    def line(self, answer: dict[str, Any]) -> None:
        """Write one line. Where nobody reads any more, write nothing from then on."""
        answer = self.mask(answer) if self.mask else answer
        rest = memoryview(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        with contextlib.suppress(OSError):
            while self.read and rest:
                self.read = False
                rest = rest[os.write(self._descriptor, rest) :]
                self.read = True
