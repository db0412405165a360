"""Only the command that is asked for is made ready, and nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import typer.main

from orchestrator.cli.main import command_line


def _commands(words: Sequence[str]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = vars(typer.main.get_command(command_line(words)))["commands"]
    return found


ALL = _commands(())


@pytest.mark.parametrize("name", ALL)
def test_a_command_is_the_same_alone(name: str) -> None:
    """Also the few that are not named as their module is; `lock` brings `unlock`, and no more."""
    alone = _commands((name, "--help"))
    assert name in alone
    assert len(alone) <= 2
    assert alone[name].help == ALL[name].help


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("relase",), ("--help", "release"), ()])
def test_all_are_there_where_they_are_listed_or_guessed(words: tuple[str, ...]) -> None:
    """Help lists them, an error names the nearest."""
    assert _commands(words).keys() == ALL.keys()


def test_debug_may_come_first() -> None:
    """It is an option of the program itself."""
    assert list(_commands(("--debug", "release"))) == ["release"]
