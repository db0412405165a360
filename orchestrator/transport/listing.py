"""The list of a bundle's files, a line each: ["path", "stored name", bytes] or ["path", "", 0, "link target"].

Ordered by the parts of the paths, so that a directory's files stand together, and written and read line by line: a
list of 100,000 files is 12 MB that nobody has to hold. Its digest is that of its bytes. The agent reads the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.model.bundle import BundleFile

MOST_LINE_BYTES = 64 * 1024
"""Longest line; a path has at most 4,096 bytes (Linux, PATH_MAX), each at most six characters of JSON."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a list holds: its digest, entries (count), and the length of all files together."""

    digest: str
    files: int
    size_bytes: int


def write(path: Path, files: Iterable[BundleFile]) -> Written:
    """Write a list, in the order of `files`."""
    digest, count, size = hashlib.sha256(), 0, 0
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as target:
        for file in files:
            line = encode(file)
            digest.update(line)
            target.write(line)
            count, size = count + 1, size + file.size_bytes
    partial.replace(path)
    return Written(digest.hexdigest(), count, size)


def read(path: Path) -> Iterator[BundleFile]:
    """The entries of a list. Raises: ValueError: a line is none."""
    with path.open("rb") as lines:
        while line := lines.readline(MOST_LINE_BYTES):
            yield decode(line)


def encode(file: BundleFile) -> bytes:
    """One line."""
    fields: list[Any] = (
        [file.path, "", 0, file.link] if file.link else [file.path, file.stored, file.size_bytes]
    )
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> BundleFile:
    """One line back. Raises: ValueError."""
    fields = json.loads(line) if line.endswith(b"\n") else None
    match fields:
        case [str(path), "", 0, str(link)] if link:
            return BundleFile(path, link=link)
        case [str(path), str(stored), int(size)] if size >= 0 and not isinstance(size, bool):
            return BundleFile(path, stored[:64], size, executable=stored[64:] == "x")
    raise ValueError(f"its file list has the line {line[:100]!r}")
