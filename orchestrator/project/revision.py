"""What Git says about the project's source."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

_DIGEST_CHARS = 8


def revision_of(source: Path) -> tuple[str, str]:
    """The commit ("-dirty" where the source differs from it) and its subject; empty without Git."""
    commit = _git(source, "rev-parse", "HEAD")
    if not commit:
        return "", ""
    dirty = _git(source, "status", "--porcelain", "--", ".")
    return commit + ("-dirty" if dirty else ""), _git(source, "log", "-1", "--format=%s")


def release_id(now: datetime, digest: str) -> str:
    """YYYYMMDDhhmmss-digest8, UTC: ordered as text."""
    return f"{now.astimezone(UTC):%Y%m%d%H%M%S}-{digest[:_DIGEST_CHARS]}"


def _git(source: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(["git", *arguments], cwd=source, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
