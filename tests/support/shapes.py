"""Whether a JSON value has the shape of a documented example."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "json.md"
_EXAMPLE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, dict[str, Any]]:
    """The examples of docs/json.md by their kind."""
    found = [json.loads(text) for text in _EXAMPLE.findall(DOCUMENT.read_text())]
    return {example["kind"]: example for example in found}


def differences(example: Any, value: Any, path: str = "$") -> list[str]:
    """Where a value differs from an example in keys or types, one line each.

    null on either side fits everything; an empty object or list in the example stands for any.
    """
    if example is None or value is None:
        return []
    if isinstance(example, dict) and isinstance(value, dict):
        return _objects(example, value, path) if example else []
    if isinstance(example, list) and isinstance(value, list):
        items = enumerate(value) if example else ()
        return [line for n, item in items for line in differences(example[0], item, f"{path}[{n}]")]
    return (
        []
        if _fits(example, value)
        else [f"{path}: {type(value).__name__}, documented: {type(example).__name__}"]
    )


def _objects(example: dict[str, Any], value: dict[str, Any], path: str) -> list[str]:
    missing = [f"{path}.{key}: documented, not there" for key in example.keys() - value.keys()]
    extra = [f"{path}.{key}: there, not documented" for key in value.keys() - example.keys()]
    common = sorted(example.keys() & value.keys())
    inside = [differences(example[key], value[key], f"{path}.{key}") for key in common]
    return [*missing, *extra, *itertools.chain(*inside)]


def _fits(example: Any, value: Any) -> bool:
    if isinstance(example, bool) or isinstance(value, bool):
        return isinstance(example, bool) and isinstance(value, bool)
    if isinstance(example, (int, float)):
        return isinstance(value, (int, float))
    return type(example) is type(value)
