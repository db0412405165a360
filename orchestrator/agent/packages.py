"""Which packages differ between two releases: from the package.json files that do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator.agent.trees import Difference

_FOLDER = "node_modules/"
_MANIFEST = re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/@][^/]*/package\.json")
_MOST_BYTES = 1 << 20
_MOST_VERSION = 100


def is_dependency(path: str) -> bool:
    """Whether a file came with a package."""
    return path.startswith(_FOLDER) or f"/{_FOLDER}" in path


def changes(differing: Iterable[Difference], a: Path, b: Path) -> list[dict[str, Any]]:
    """Packages whose versions differ: where they stand (express, express/node_modules/debug), and both versions."""
    found = []
    for one in differing:
        if not _MANIFEST.fullmatch(one.path):
            continue
        versions = {"a": _version(a / one.path), "b": _version(b / one.path)}
        if versions["a"] != versions["b"]:
            name = one.path.removeprefix(_FOLDER).removesuffix("/package.json")
            found.append({"name": name, **versions})
    return found


def _version(path: Path) -> str | None:
    """None where there is no such package, or its package.json names no version."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        version = json.loads(path.read_bytes())["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return str(version)[:_MOST_VERSION]
