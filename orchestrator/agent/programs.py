"""Run a program and keep what it said. The one place where the agent starts programs to its end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import IO, NamedTuple, cast

_TAIL_BYTES = 1 << 16
"""Of what a program complains of: its last words say why it ended."""


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


def streamed(arguments: Sequence[str], lines: Iterable[bytes]) -> Finished:
    """The same with lines of any number, of which never more than a part is in memory; what it prints is not kept.

    It complains into a file: a pipe that nobody reads meanwhile would stop it, and with it us, who are still writing.
    """
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            list(arguments), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        ) as process,
    ):
        stream = cast(IO[bytes], process.stdin)  # it is a pipe
        with contextlib.suppress(BrokenPipeError):
            stream.writelines(lines)
        with contextlib.suppress(BrokenPipeError):
            stream.close()
        code = process.wait()
        said.seek(max(0, os.fstat(said.fileno()).st_size - _TAIL_BYTES))
        return Finished(code, "", said.read().decode(errors="replace"))


def run(arguments: Sequence[str]) -> Finished:
    """Run a program without input and wait for it."""
    done = subprocess.run(list(arguments), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return Finished(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
