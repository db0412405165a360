"""What is asked of the example app, and what counts as a good answer."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 20.0
"""A request that takes longer has failed (our choice; far beyond a loaded machine's worst)."""


@dataclass(slots=True)
class Ask:
    """One kind of request.

    Attributes:
        kind: Its name in the figures.
        method: GET, or POST of a body that the app must send back as it is.
        path: Of the app.
    """

    kind: str
    method: str
    path: str
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def body(self) -> bytes:
        """The next body: another one each time, so that an answer to another request is noticed."""
        return json.dumps({"n": next(self._numbers)}).encode() if self.method == "POST" else b""

    def judge(self, status: int, answer: bytes, body: bytes) -> str:
        """Why an answer is bad; empty where it is good."""
        if not 200 <= status < 300:
            return f"HTTP {status}"
        good = json.loads(answer) == json.loads(body) if body else bool(answer)
        return "" if good else "another answer than expected"


def get(kind: str) -> Ask:
    """A GET that every release answers."""
    return Ask(kind, "GET", "/version")


def post(kind: str) -> Ask:
    """A POST that every release sends back."""
    return Ask(kind, "POST", "/echo")


def why(error: BaseException) -> str:
    """An error, short enough to be counted by its text."""
    text = {"IncompleteReadError": "closed before the answer was there"}.get(type(error).__name__, "")
    return text or f"{type(error).__name__} {error}".strip()[:80]
