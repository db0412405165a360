"""Start programs of this machine and read what they say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.errors import SandboxError


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended and what it said."""

    argv: tuple[str, ...]
    code: int
    stdout: str = ""
    stderr: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ended with 0."""
        return self.code == 0

    def tail(self, lines: int = 5) -> str:
        """The last lines of its complaint; of its output where it did not complain."""
        text = self.stderr.strip() or self.stdout.strip()
        return (
            "\n".join(text.splitlines()[-lines:]) or f"{self.argv[0]} ended with {self.code} and said nothing"
        )


class Runner(Protocol):
    """Runs one program to its end."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        timeout_seconds: float = 120,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run argv and return how it ended.

        Args:
            argv: Program and arguments; no shell.
            stdin: Text for its standard input.
            env: Variables added to our own.
            timeout_seconds: After it the program is killed and the code is 124.
            on_line: Called with each line of standard error as it comes.
        Raises: SandboxError: The program is not installed.
        """
        ...


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout_seconds: float = 120,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """The Runner that really runs (see there)."""
    variables = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        if on_line:
            return _stream(argv, variables, on_line)
        done = subprocess.run(
            argv,
            input=stdin,
            env=variables,
            timeout=timeout_seconds,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as missing:
        raise SandboxError(f"{argv[0]} is not installed", next=f"apt-get install {argv[0]}") from missing
    except subprocess.TimeoutExpired:
        return Result(tuple(argv), 124, stderr=f"{argv[0]} did not end within {timeout_seconds:g} s")
    return Result(tuple(argv), done.returncode, done.stdout, done.stderr)


def _stream(argv: Sequence[str], variables: Mapping[str, str], on_line: Callable[[str], None]) -> Result:
    with subprocess.Popen(
        argv,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        said = []
        for line in process.stderr or ():
            said.append(line)
            on_line(line.rstrip())
    return Result(tuple(argv), process.returncode, stderr="".join(said))
