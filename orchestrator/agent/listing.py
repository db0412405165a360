"""A list of files, a line each: ["path", "stored name", bytes] or ["path", "", 0, "link target"].

It is ordered by the parts of the paths, so that all that stands in a directory stands together. What is wrong with a
tree (a path twice, a file that is a directory too) shows between neighbours: however long a list is, a line of it is
in memory. Its digest is that of its bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from orchestrator.agent.failures import UsageError
from orchestrator.agent.paths import checked, checked_link
from orchestrator.agent.request import STORED

MOST_LINE_BYTES = 64 * 1024
_MOST_FILES = 500_000
_MOST_FILE_BYTES = 1 << 40


class Entry(NamedTuple):
    """One file, or one symbolic link (then `link` is its target and `stored` is empty)."""

    path: str
    stored: str
    size_bytes: int
    link: str


class Kept(NamedTuple):
    """What was read of a list: its digest, how many entries, and the length of their files together."""

    digest: str
    files: int
    bytes: int


class Listing:
    """A list as it comes in: checked, and written to a file as it is.

    Args:
        lines: Its lines, without their ends.
        target: Where they are kept.
    """

    def __init__(self, lines: Iterable[bytes], target: BinaryIO) -> None:
        self._lines, self._target = lines, target
        self._digest = hashlib.sha256()
        self._files = self._bytes = 0

    def __iter__(self) -> Iterator[Entry]:
        """The entries. Raises: UsageError: naming the first thing that is wrong."""
        before = ""
        for line in self._lines:
            entry = parse(line)
            _check_order(before, entry.path)
            before = entry.path
            self._files, self._bytes = self._files + 1, self._bytes + entry.size_bytes
            if self._files > _MOST_FILES:
                raise UsageError("the manifest is wrong", why=f"it has more than {_MOST_FILES} files")
            self._digest.update(line + b"\n")
            self._target.write(line + b"\n")
            yield entry

    def kept(self) -> Kept:
        """What came in."""
        return Kept(self._digest.hexdigest(), self._files, self._bytes)


def read(path: Path) -> Iterator[Entry]:
    """The entries of a list that was checked when it came."""
    with path.open("rb") as file:
        for line in file:
            yield Entry(*_fields(line))


def parse(line: bytes) -> Entry:
    """Check one line. Raises: UsageError."""
    try:
        path, stored, size, link = _fields(line)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError("the manifest is wrong", why=f"a line is {line[:100]!r}: {error}") from None
    return checked_entry(Entry(path, stored, size, link))


def checked_entry(entry: Entry) -> Entry:
    """Check what an entry says. Raises: UsageError."""
    path, stored, size, link = entry
    checked(path)
    if link:
        return Entry(path, "", 0, checked_link(path, link))
    if not isinstance(stored, str) or not STORED.fullmatch(stored):
        raise UsageError("the manifest is wrong", why=f"{path!r} has the digest {str(stored)[:100]!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_FILE_BYTES:
        raise UsageError("the manifest is wrong", why=f"{path!r} has the size {size!r}")
    return Entry(path, stored, size, "")


def _fields(line: bytes) -> tuple[Any, Any, Any, Any]:
    path, stored, size, *link = json.loads(line)
    (target,) = link or ("",)
    return path, stored, size, target


def _check_order(before: str, path: str) -> None:
    """A path comes after the one before it, and does not stand beneath it."""
    if path.startswith(f"{before}/") and before:
        raise UsageError("the manifest is wrong", why=f"{before!r} is a file and a directory")
    if before and before.split("/") >= path.split("/"):
        raise UsageError("the manifest is wrong", why=f"{path!r} comes after {before!r}, or is named twice")
