"""The command table: which file each command lives in, in the order of --help."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

COMMANDS = (
    "init",
    "doctor",
    "provision",
    "build",
    "env",
    "release",
    "rollback",
    "releases",
    "maintenance",
    "bans",
    "tls",
    "backup",
    "status",
    "history",
    "lock",
    "scale",
    "host",
    "logs",
    "exec_",
    "db",
    "workers",
    "cron",
    "sandbox",
)
"""Modules of orchestrator.cli; each has register(app)."""


_ELSEWHERE = {"exec": "exec_", "unlock": "lock"}
"""Commands that are not named as their module is."""


def register(app: typer.Typer, words: Sequence[str] = ()) -> None:
    """Add the commands; their modules import their workflow only when they are called.

    Args:
        app: Where to.
        words: The command line, without the program. Where a command comes first, it alone is added: to make ready
            all the others takes 0.05 s. Else all are: they are listed, or one of them was mistyped.
    """
    for name in _asked(words) or COMMANDS:
        importlib.import_module(f"orchestrator.cli.{name}").register(app)


def _asked(words: Sequence[str]) -> tuple[str, ...]:
    first = next((word for word in words if word != "--debug"), "")
    module = _ELSEWHERE.get(first, first)
    return (module,) if module in COMMANDS else ()
