r"""Files that the npm package dotenv reads, by its own rules; no variables are expanded, no command is run.

Quotes ' " ` around a whole value may hold line ends; \n and \r mean line ends in double quotes only; `export ` is
passed over; # begins a comment outside of quotes; of two lines for one name the last counts; CRLF is a line end.

Source: motdotla/dotenv 17, lib/main.js, LINE and parse().
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SPACES = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What is white to JavaScript. Source: ECMA-262, WhiteSpace and LineTerminator."""

_LINE = re.compile(
    (
        r"""^\s*(?:export\s+)?(?P<name>[A-Za-z0-9_.-]+)(?:\s*=\s*?|:\s+?)"""
        r"""(?P<value>\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:\#.*)?$"""
    ).replace(r"\s", f"[{_SPACES}]"),
    re.MULTILINE,
)
_QUOTED = re.compile(r"""^(['"`])([\s\S]*)\1$""", re.MULTILINE)
_QUOTES = "'`\""


@dataclass(frozen=True, slots=True)
class Dotenv:
    """What a file says.

    Attributes:
        values: By name, in the order of the file.
        passed_over: Lines that are no variable, no comment and not empty, by number from 1.
    """

    values: dict[str, str]
    passed_over: tuple[int, ...] = ()


def parse(text: str) -> Dotenv:
    """Read a file as dotenv does."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    values, end, passed_over = dict[str, str](), 0, list[int]()
    for found in _LINE.finditer(text):
        passed_over += _unread(text, end, found.start())
        end = found.end()
        values.pop(found["name"], None)
        values[found["name"]] = _value(found["value"] or "")
    return Dotenv(values, (*passed_over, *_unread(text, end, len(text))))


def render(values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A file that `parse` reads back exactly. Returns: its text, and names whose values dotenv has no form for."""
    lines, without = list[str](), list[str]()
    for name, value in values.items():
        line = next((one for one in _forms(name, value) if parse(one).values == {name: value}), None)
        if line is None or parse(line).passed_over:
            without.append(name)
        else:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines), tuple(without)


def _forms(name: str, value: str) -> list[str]:
    """Only such as end where they seem to, whatever the next line is."""
    bare = [f"{name}={value}"] if re.fullmatch(r"[A-Za-z0-9_@%+,./:=-]*", value) else []
    quotes = (quote for quote in _QUOTES if quote not in value and not value.endswith("\\"))
    return [*bare, *(f"{name}={quote}{value}{quote}" for quote in quotes)]


def _value(raw: str) -> str:
    value = raw.strip(_SPACES)
    quote = value[:1]
    value = _QUOTED.sub(r"\2", value)
    return value.replace("\\n", "\n").replace("\\r", "\r") if quote == '"' else value


def _unread(text: str, begin: int, end: int) -> list[int]:
    """Numbers of lines with something in them that is no comment."""
    first = text.count("\n", 0, begin) + 1
    lines = text[begin:end].split("\n")
    return [first + n for n, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")]
