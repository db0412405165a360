"""The command table: which file each command lives in, in the order of --help."""

from __future__ import annotations

import importlib
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


def register(app: typer.Typer) -> None:
    """Add every command; the modules import their workflow only when they are called."""
    for name in COMMANDS:
        importlib.import_module(f"orchestrator.cli.{name}").register(app)
