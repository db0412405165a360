"""docs/errors.md lists every class of orchestrator.errors with its exit code."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator import errors

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
ROW = re.compile(r"^\| (\d+) \| (\w+) \|", re.MULTILINE)


def _classes() -> list[type[errors.VpsdeployError]]:
    return errors.VpsdeployError.__subclasses__()


def test_every_error_is_documented_with_its_exit_code() -> None:
    """The table has one row per class, with the class's exit code, and no other rows."""
    documented = {name: int(code) for code, name in ROW.findall(DOCUMENT.read_text())}
    assert documented == {cls.__name__: cls.exit_code for cls in _classes()}


def test_exit_codes_are_distinct() -> None:
    """A script can tell the errors apart by the exit code alone."""
    codes = [cls.exit_code for cls in _classes()]
    assert len(codes) == len(set(codes))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The drawing at the top of errors.py names every class with its exit code."""
    drawn = {name: int(code) for name, code in re.findall(r"[├└]── (\w+)\s+(\d+)", errors.__doc__ or "")}
    assert drawn == {cls.__name__: cls.exit_code for cls in _classes()}


def test_the_documented_example_is_the_printed_form() -> None:
    """The example in the document is what ReleaseFailed prints for these fields."""
    error = errors.ReleaseFailed(
        "health check failed",
        host="web-2 (production), release 20260822101500-1f3a9c2e",
        step="4 of 9, wait for instance shop@4101",
        why="GET http://127.0.0.1:4101/health answered 503 for 30 s (limit 30 s)",
        state="live is 20260821090000-77ab01d4 on all hosts; nothing was flipped",
        next="vpsdeploy logs --stage production --host web-2 --instance shop@4101",
    )
    shown = "\n".join(f"    {line}" for line in error.lines())
    assert shown in DOCUMENT.read_text()
