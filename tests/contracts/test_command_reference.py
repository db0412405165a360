"""docs/commands.md is what the commands' own help says."""

from __future__ import annotations

import pytest
import typer.main

from orchestrator.cli.main import command_line
from tests.support import command_reference


def _leaves(command: object, path: str = "") -> list[tuple[str, object]]:
    """Every command that does something, by its path."""
    subs = getattr(command, "commands", None)
    if subs is None:
        return [(path, command)]
    return [leaf for name, sub in subs.items() for leaf in _leaves(sub, f"{path} {name}".strip())]


LEAVES = _leaves(typer.main.get_command(command_line()))


def test_the_reference_is_up_to_date() -> None:
    """The committed document equals the generated one."""
    assert command_reference.DOCUMENT.read_text() == command_reference.render()


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_every_command_has_help_with_an_example(path: str, command: object) -> None:
    """Help says what the command does and shows how it is typed."""
    text = getattr(command, "help", "") or ""
    assert f"vpsdeploy {path}" in text


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_every_option_is_explained(path: str, command: object) -> None:
    """No option and no argument without a help text."""
    unexplained = [p.name for p in getattr(command, "params", []) if not getattr(p, "help", "")]
    assert unexplained == []
