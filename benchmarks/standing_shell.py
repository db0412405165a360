"""A shell on a host that stands before it is needed, so that nothing else begins beside what it is told to begin."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, cast


class Shell:
    """One that is open.

    Args:
        told: Where it reads lines.
        said: What it prints.
    """

    def __init__(self, told: IO[str], said: IO[str]) -> None:
        self._told, self._said = told, said

    def run(self, line: str) -> None:
        """Have it run a line that prints nothing, and wait for its end; it has to succeed."""
        self._told.write(f"{line}; echo $?\n")
        self._told.flush()
        if (answer := self._said.readline().strip()) != "0":
            raise SystemExit(f"{line}\n{answer or 'the connection ended'}")


@contextmanager
def standing(command: Sequence[str]) -> Iterator[Shell]:
    """Open one.

    Args:
        command: What reads a shell's lines, such as ssh.

    Yields: it, once it has answered.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        shell = Shell(cast(IO[str], process.stdin), cast(IO[str], process.stdout))  # they are pipes
        shell.run("true")
        yield shell
