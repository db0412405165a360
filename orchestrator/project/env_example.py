"""What a project says that it needs: the names in its .env.example."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import dotenv

_NAMES = (".env.example", ".env.sample", ".env.template", ".env.dist")


def names(source: Path) -> tuple[str, tuple[str, ...]]:
    """The first such file's name, and the names that it sets; empty where there is none or it cannot be read."""
    for name in _NAMES:
        try:
            text = (source / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        return name, tuple(dotenv.parse(text).values)
    return "", ()
