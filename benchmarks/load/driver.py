"""The load from the outside: a process of its own, so that it shares no interpreter with what it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

END_SECONDS = 60
"""Longest wait for the summary after its input has ended."""


class Load:
    """Use as a context manager; the summaries are there when it has ended.

    Args:
        address: Of the load balancer.
        seconds: Longest run.
    """

    def __init__(self, address: str, *, seconds: float) -> None:
        self._command = [sys.executable, "-m", "benchmarks.load", address, "--seconds", str(seconds)]
        self.phases: dict[str, Any] = {}

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        output, _unused = self._process.communicate(timeout=END_SECONDS)
        if not kind:
            self.phases = json.loads(output.splitlines()[-1])

    def phase(self, name: str) -> None:
        """Count under another name from now on."""
        self._say(name)

    def requests(self) -> int:
        """Requests so far, of all phases."""
        self._say("totals")
        return int(json.loads(_out(self._process).readline())["requests"])

    def _say(self, word: str) -> None:
        assert self._process.stdin  # noqa: S101 - it was opened as a pipe
        self._process.stdin.write(f"{word}\n")


def _out(process: subprocess.Popen[str]) -> Any:
    return process.stdout
