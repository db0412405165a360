"""docs/commands.md, made from the commands' own help; run as a module, this renews it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.main

from orchestrator.cli.main import command_line

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
WIDTH = 100
HEAD = """# Commands

Made from the commands' own `--help` by `python -m tests.support.command_reference`; a test holds it.
Results go to standard output, progress and errors to standard error; exit
codes are in [errors.md](errors.md), `--json` in [json.md](json.md).
"""


def render() -> str:
    """The whole document."""
    return "\n".join([HEAD, *_sections(typer.main.get_command(command_line()), "vpsdeploy")])


def _sections(command: Any, path: str) -> list[str]:
    """One section for a command, then its subcommands in the order of --help."""
    context = command.context_class(command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH)
    sections = [f"## {path}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    for name, sub in getattr(command, "commands", {}).items():
        sections += _sections(sub, f"{path} {name}")
    return sections


if __name__ == "__main__":
    DOCUMENT.write_text(render())
