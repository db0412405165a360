"""The reference of vpsdeploy.yml is complete, true and published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import document, reference
from orchestrator.config.app import AppConfig
from orchestrator.config.explain import known_keys, section
from orchestrator.config.loader import check

_PAGE = Path(__file__).parents[2] / "docs" / "config.md"


def _key_paths() -> Iterator[tuple[str, ...]]:
    for name, field in AppConfig.model_fields.items():
        yield (name,)
        if section(field):
            yield from ((name, inner) for inner in known_keys((name,)))


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def test_reference_loads() -> None:
    """The reference is a valid config."""
    config, problems = check(document.parse(reference.text()))
    assert not problems
    assert config is not None


@pytest.mark.parametrize("path", list(_key_paths()), ids=".".join)
def test_every_key_is_there_with_its_default(path: tuple[str, ...]) -> None:
    """Each key of the models stands in the reference, after a comment, with the value it has when left out."""
    written = document.parse(reference.text())
    lines = reference.text().splitlines()
    assert path in written.lines
    assert lines[written.line(path) - 2].strip().startswith("#")
    default = AppConfig(app="shop").model_dump()
    if path != ("app",):
        seen = _at(written.values, path)
        assert seen == _at(default, path) or isinstance(seen, dict)


def test_page_is_made_from_the_reference() -> None:
    """docs/config.md is what `python -m orchestrator.config.reference` prints."""
    assert _PAGE.read_text(encoding="utf-8") == reference.page()
