"""What changed on this host: one JSON line per change, never rewritten."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_TAIL_BYTES = 1 << 20


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line durably. A line that a power loss cut short is closed off first, so that it spoils no other."""
    text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    with path.open("ab+") as file:
        os.fchmod(file.fileno(), 0o600)
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            text = b"\n" + text
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def last(path: Path, count: int) -> list[dict[str, Any]]:
    """The last lines, oldest first; lines that cannot be read are left out."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            texts = file.read().splitlines()
    except FileNotFoundError:
        return []
    readable = (line for text in texts if (line := _parse(text)) is not None)
    return list(readable)[-count:] if count else []


def _parse(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
