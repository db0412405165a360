"""docs/json.md has an example of every kind of object that --json prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.errors import ReleaseFailed
from orchestrator.report import envelope
from tests.support import shapes

PACKAGE = Path(envelope.__file__).resolve().parents[1]
RESULT = re.compile(r"""result_line\(\s*"(\w+)\"""")
EXAMPLES = shapes.examples()


def _kinds() -> set[str]:
    return {kind for path in PACKAGE.rglob("*.py") for kind in RESULT.findall(path.read_text())}


def test_every_result_has_an_example() -> None:
    """Each kind that a command can end with is documented."""
    assert _kinds() - EXAMPLES.keys() == set()


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_examples_are_versioned(example: dict[str, object]) -> None:
    """Each example names the schema, and is either a result or an event."""
    assert example["schema"] == envelope.SCHEMA
    assert ("ok" in example) != ("event" in example)


def test_an_error_has_the_documented_fields() -> None:
    """What a failed command prints has the shape of the example."""
    printed = json.loads(envelope.error_line(ReleaseFailed("x")))
    assert shapes.differences(EXAMPLES["error"], printed) == []


def test_the_comparison_sees_differences() -> None:
    """A missing field, a new one and another type are each reported."""
    found = shapes.differences({"a": 1, "b": "x", "c": [{"d": 1}]}, {"b": 2, "c": [{"d": 1, "e": 0}]})
    assert found == [
        "$.a: documented, not there",
        "$.b: int, documented: str",
        "$.c[0].e: there, not documented",
    ]
