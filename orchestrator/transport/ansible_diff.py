"""Write Ansible's before and after as a unified diff."""

from __future__ import annotations

import difflib
import json
from typing import Any


def of_result(result: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """The names of what changed, and the diff, of a task's result; a result that Ansible censored has neither."""
    results = [item for item in result.get("results") or [result] if isinstance(item, dict)]
    parts = [part for item in results for part in _parts(item)]
    names = dict.fromkeys(name for item in results for name in _names(item))
    return tuple(names), "\n".join(text for text in map(_text, parts) if text)


def _names(item: dict[str, Any]) -> list[str]:
    if not item.get("changed"):
        return []
    several = item.get("changes")  # of our own modules
    if isinstance(several, list):
        return [str(name) for name in several]
    one = item.get("dest") or item.get("path")
    return [str(one)] if one else []


def _parts(item: dict[str, Any]) -> list[dict[str, Any]]:
    if not item.get("changed"):
        return []
    found = item.get("diff") or []
    return [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, dict)]


def _text(part: dict[str, Any]) -> str:
    if "prepared" in part:
        return str(part["prepared"]).strip("\n")
    before, after = (_lines(part.get(side)) for side in ("before", "after"))
    if before == after:
        return ""
    old, new = (str(part.get(f"{side}_header") or side) for side in ("before", "after"))
    return "\n".join(difflib.unified_diff(before, after, old, new, lineterm=""))


def _lines(side: Any) -> list[str]:
    if isinstance(side, dict | list):
        side = json.dumps(side, indent=2, sort_keys=True, ensure_ascii=False)
    return str(side or "").splitlines()
