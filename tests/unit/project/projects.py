"""Small project trees for the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

PACKAGE = {
    "name": "@acme/shop",
    "scripts": {"build": "nest build"},
    "dependencies": {"@nestjs/core": "^12.0.0"},
}


def lay(root: Path, files: Mapping[str, object]) -> Path:
    """Write files by their relative names; what is not text is written as JSON."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root
