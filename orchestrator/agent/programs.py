"""Run a program and keep what it said. The one place where the agent starts programs to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Finished(NamedTuple):
    """A program that ended."""

    code: int
    output: str
    errors: str


Runner = Callable[[Sequence[str]], Finished]
"""Runs an argument list. Tests hand in their own."""


def fed(arguments: Sequence[str], text: str) -> Finished:
    """Run a program with a text on its standard input: what is secret is no argument, which everybody could read."""
    done = subprocess.run(list(arguments), input=text.encode(), capture_output=True, check=False)
    return Finished(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def run(arguments: Sequence[str]) -> Finished:
    """Run a program without input and wait for it."""
    done = subprocess.run(list(arguments), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return Finished(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
