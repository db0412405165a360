"""What is wrong in a file, and the one error that says all of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigError

KeyPath = tuple[str | int, ...]

_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct.

    Attributes:
        line: From 1; 0 where it concerns the whole file.
        path: The key: ("health", "path").
        text: What was seen and what is allowed.
    """

    line: int
    path: KeyPath
    text: str

    def render(self, file_name: str) -> str:
        """For people: "vpsdeploy.yml:7: health.path: ..."."""
        where = f"{file_name}:{self.line}" if self.line else file_name
        return ": ".join(part for part in (where, dotted(self.path), self.text) if part)


def refused(file: Path, problems: Sequence[Problem], *, name: str = "", next: str = "") -> ConfigError:  # noqa: A002 - as in VpsdeployError
    """The error that lists every problem of a file, in the order of its lines.

    Args:
        file: Where it is.
        problems: At least one.
        name: How people know the file; default: its name.
        next: What to do; default: edit the file.
    """
    name = name or file.name
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    in_order = sorted(problems, key=lambda problem: problem.line)
    return ConfigError(
        f"{name} has {count}",
        why="\n".join(problem.render(name) for problem in in_order),
        state="nothing was touched",
        next=next or f"edit {file}",
    )


def dotted(path: KeyPath) -> str:
    """A key path for people: domains[0], health.path."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" for part in path)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value for people: quoted, on one line, cut when it is long."""
    text = value if isinstance(value, str) else str(value)
    return f'"{_printable(text)}"'


def shown_key(key: str) -> str:
    """A key for people: as it is, made printable."""
    return _printable(key)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "health"?` where a known name is near, otherwise nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _printable(text: str) -> str:
    text = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text
    )
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"
