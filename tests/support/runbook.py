"""What a runbook tells one to type, as shell commands with the exit codes that it promises."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(
    r"<!-- run: (?P<hidden>.*?) -->|^(?P<indent> *)```sh(?: exit=(?P<codes>[\d,]+))?\n(?P<shown>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Command:
    """One block of a runbook.

    Attributes:
        script: For a shell.
        codes: Exit codes that the runbook allows.
    """

    script: str
    codes: tuple[int, ...] = (0,)


def commands(markdown: str) -> list[Command]:
    """The blocks to run, hidden ones (what only a person can do, stood in for) and shown ones, in order."""
    return [_command(found) for found in _PART.finditer(markdown)]


def _command(found: re.Match[str]) -> Command:
    if found["hidden"]:
        return Command(found["hidden"])
    lines = (line.removeprefix(found["indent"]) for line in found["shown"].splitlines())
    codes = tuple(int(code) for code in (found["codes"] or "0").split(","))
    return Command("\n".join(lines), codes)
