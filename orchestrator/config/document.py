"""A YAML file as plain values that remember where they were written.

Stricter than YAML: no duplicate keys, no aliases, no tags; every problem is collected with its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestrator.config.problems import KeyPath, Problem, refused, shown

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp")
)


@dataclass
class Document:
    """What a file says and where.

    Attributes:
        values: Mappings as dicts with text keys, sequences as tuples, scalars as YAML 1.1 reads them.
        lines: Line of each key path, from 1 (of the key in a mapping, of the item in a sequence).
        texts: Each scalar as it was written, without its quotes.
        problems: What the file must not contain, in the order found.
    """

    values: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """The line of a key path, or of its nearest parent that was written."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(file: Path) -> Document:
    """Read one YAML file.

    Raises: ConfigError: it cannot be read, is not UTF-8 or not YAML; with line and column.
    """
    try:
        return parse(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise refused(file, [Problem(0, (), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise refused(file, [Problem(0, (), f"is not UTF-8 text (byte {error.start + 1})")]) from error
    except yaml.YAMLError as error:
        raise refused(file, [_syntax_problem(error)]) from error
    except RecursionError as error:
        raise refused(file, [Problem(0, (), "is nested too deeply")]) from error


def parse(text: str) -> Document:
    """Read YAML text.

    Raises: yaml.YAMLError: not YAML. RecursionError: nested too deeply.
    """
    document = Document()
    root = _Loader(text).get_single_node()
    if root is not None:
        document.values = _Reader(document).value(root, ())
    return document


class _Loader(yaml.SafeLoader):
    """Composes nodes without aliases: they could make a tree endless, or as large as one likes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call] # its stub has no types
            raise yaml.composer.ComposerError(
                None, None, "aliases (*name) are not allowed here: write the value out", event.start_mark
            )
        return super().compose_node(parent, index)


class _Reader:
    """Turns nodes into values, noting lines, texts and problems in a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._constructor = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.value(item, (*path, n)) for n, item in enumerate(node.value))
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problem(line, path, "a key must be text")
            elif key.value in values:
                first = self._document.lines[(*path, key.value)]
                self._problem(line, (*path, key.value), f"the key is there twice (first in line {first})")
            else:
                self._document.lines[(*path, key.value)] = line
                values[key.value] = self.value(item, (*path, key.value))
        return values

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        self._document.texts[path] = node.value
        if node.tag not in _PLAIN_TAGS:
            self._problem(node.start_mark.line + 1, path, f"the tag {shown(node.tag)} is not allowed here")
            return node.value
        try:
            return self._constructor.construct_object(node)
        except (ValueError, ArithmeticError, LookupError, AttributeError, yaml.YAMLError):
            kind = node.tag.rpartition(":")[2]
            self._problem(node.start_mark.line + 1, path, f"{shown(node.value)} is not a valid {kind}")
            return node.value

    def _problem(self, line: int, path: KeyPath, text: str) -> None:
        self._document.problems.append(Problem(line, path, text))


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        context = f" ({error.context})" if error.context else ""
        return Problem(mark.line + 1, (), f"column {mark.column + 1}: {error.problem}{context}")
    return Problem(0, (), f"is not YAML: {' '.join(str(error).split())}")
