"""Every command line of README and docs names commands and options that there are.

Runbooks are executed as well, but most of them by `make test-all` only, and other pages by nobody.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from orchestrator.cli.main import command_line
from tests.support import runbook

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
_INLINE = re.compile(r"`(vpsdeploy [^`\n]+)`")
_END = {"|", "||", "&&", ";", ">", ">>", "<", "2>", "&", ")"}
"""Words of a shell after which another command or a file comes."""

_OPTIONAL = re.compile(r"[\[\]]")
"""Around what may be left out, in text for people."""


def typed(page: str) -> Iterator[list[str]]:
    """The words after `vpsdeploy`, of each time that it is typed."""
    scripts = [block.script for block in runbook.commands(page)] + _INLINE.findall(page)
    for line in "\n".join(scripts).replace("\\\n", " ").splitlines():
        yield from _of(line)


def _of(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes on in the next line: what is before it counts
        words = line.split()
    for at, word in enumerate(words):
        if word == "vpsdeploy":
            rest = words[at + 1 :]
            yield rest[: next((n for n, one in enumerate(rest) if one in _END), len(rest))]


def unknown(words: list[str], command: Any) -> list[str]:
    """What of a command line is no command and no option of ours."""
    wrong, options = [], {"--help", *_options(command)}
    for word in (_OPTIONAL.sub("", one) for one in words):
        if word == "--":
            break
        below = getattr(command, "commands", None)
        if word.startswith("-"):
            wrong += [] if word.partition("=")[0] in options else [word]
        elif below and word in below:
            command = below[word]
            options |= _options(command)
        elif below and re.fullmatch(r"[a-z-]+", word):
            return [*wrong, word]
    return wrong


def _options(command: Any) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


@pytest.fixture(scope="module", name="root")
def _root() -> Any:
    """The command line, made once."""
    return typer.main.get_command(command_line())


@pytest.mark.parametrize("page", PAGES, ids=[str(one.relative_to(ROOT)) for one in PAGES])
def test_what_is_typed_exists(page: Path, root: Any) -> None:
    """Commands, subcommands, options."""
    wrong = {" ".join(words): found for words in typed(page.read_text()) if (found := unknown(words, root))}
    assert wrong == {}


def test_the_test_finds_what_is_wrong(root: Any) -> None:
    """In a block, in a text, in what is hidden; behind a pipe; and not what another program is given."""
    root = typer.main.get_command(command_line())
    page = (
        "```sh\nfoo | vpsdeploy relase --stage x | grep --color y\nvpsdeploy release \\\n  --fast --stage s\n```\n"
        "Type `vpsdeploy host pach --check`.\n<!-- run: vpsdeploy status --jsn -->\n`vpsdeploy exec -- ls --all`\n"
    )
    found = [one for words in typed(page) for one in unknown(words, root)]
    assert found == ["relase", "--fast", "--jsn", "pach"]
