"""What changed on this host: one JSON line per change, never rewritten."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

_BLOCK_BYTES = 1 << 16


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


def last(path: Path, count: int, verbs: Collection[str] = ()) -> list[dict[str, Any]]:
    """The last lines, oldest first; lines that cannot be read are left out.

    Args:
        path: The history.
        count: As many at most; no more of the file is read than that takes.
        verbs: Only lines of these, however many others have come since; empty for all.
    """
    newest = itertools.islice(_newest_first(path, verbs), count)
    return list(newest)[::-1]


def _newest_first(path: Path, verbs: Collection[str]) -> Iterator[dict[str, Any]]:
    marks = [json.dumps(verb).encode() for verb in verbs]
    try:
        with path.open("rb") as file:
            for text in _lines(file):
                if marks and not any(mark in text for mark in marks):
                    continue  # quicker than to parse it
                line = _parse(text)
                if line is not None and (not verbs or line.get("verb") in verbs):
                    yield line
    except FileNotFoundError:
        return


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The file's lines from its end to its beginning, read in blocks."""
    left, rest = file.seek(0, os.SEEK_END), b""
    while left:
        begin = max(0, left - _BLOCK_BYTES)
        file.seek(begin)
        first, *whole = (file.read(left - begin) + rest).split(b"\n")
        yield from reversed(whole)
        left, rest = begin, first
    yield rest


def _parse(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None
