"""Whatever is in the file, loading gives a config or a ConfigError."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import app, document, inventory, starter
from orchestrator.config.explain import known_keys
from orchestrator.config.groups import Groups
from orchestrator.config.loader import check

_KEYS = st.sampled_from(
    [*known_keys(()), *known_keys(("health",)), *known_keys(("release",)), "PORT", "A", "x"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=12,
)
_SNIPPETS = st.lists(
    st.sampled_from(["app: ", "shop",
                     "\n", "  ", "- ", "{", "}", "[", "]", "&a ", "*a", "!!int ", "!!bool ", "!x ", "? ",
                     ": ", '"', "'", "\\ud800", "0x", "1e3", "2026-99-99", "|\n", "#", "%", "---\n", "env: ", "<<: "]),
    max_size=25,
).map("".join)  # fmt: skip


def _check(text: str) -> app.AppConfig | None:
    try:
        config, problems = check(document.parse(text))
    except (yaml.YAMLError, RecursionError):  # what document.read turns into a ConfigError
        return None
    assert (config is None) <= bool(problems)
    for problem in problems:
        problem.render("vpsdeploy.yml").encode("utf-8")
    return config


@given(_TREES)
def test_any_tree(tree: Any) -> None:
    """Well-formed YAML of any shape is loaded or explained, with lines that can be printed."""
    _check(yaml.safe_dump(tree, allow_unicode=True))


@given(_SNIPPETS | st.text(max_size=60))
def test_any_text(text: str) -> None:
    """Text of any kind is loaded or explained."""
    _check(text)


@given(_TREES | st.dictionaries(st.sampled_from(["all", "app", "hosts", "children", "vars"]), _TREES))
def test_any_inventory(tree: Any) -> None:
    """An inventory of any shape is read or explained."""
    written = document.parse(yaml.safe_dump(tree))
    problems, _ = inventory._hosts(Groups(written), written)
    for problem in problems:
        problem.render("hosts.yml").encode("utf-8")


@given(st.text())
def test_any_package_name_makes_an_app_name(name: str) -> None:
    """Whatever a package is called, init writes a name that the config accepts."""
    config = _check(f"app: {starter._scalar(starter.app_name(name))}")
    assert config is not None


@pytest.mark.parametrize("name", ["yes", "null", "on"])
def test_words_of_yaml_stay_text(name: str) -> None:
    """A package called "yes" is an app called yes."""
    config = _check(f"app: {starter._scalar(name)}")
    assert config is not None
    assert config.app == name
