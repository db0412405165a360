"""SHA-256 of many files: in parallel, and not again where a file did not change."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.transport.ahead import in_order

_WORKERS = 4
_AHEAD = 256
_BLOCK_BYTES = 1 << 20
# A file changed in the same instant as it was hashed could keep its time: such a digest is not remembered.
_SETTLED_NS = 50_000_000

Found = tuple[str, os.stat_result]
"""A file's name and its lstat."""


def digests(root: Path, found: Iterable[Found], cache: Path) -> Iterator[tuple[str, os.stat_result, str]]:
    """The digest of each file below root; empty for a link.

    Args:
        root: Directory that the names are relative to.
        found: Ordered by the parts of the names.
        cache: File that remembers digests by name, inode, size and modification time, in the same order: both are
            read side by side, and neither is held in memory.
    """
    known = _Known(cache)
    partial = cache.with_name(f"{cache.name}.{os.getpid()}")

    def hashed(file: tuple[str, os.stat_result, str]) -> tuple[str, os.stat_result, str]:
        name, info, digest = file
        return name, info, digest or ("" if stat.S_ISLNK(info.st_mode) else file_digest(root / name))

    files = ((name, info, known.digest(name, _mark(info))) for name, info in found)
    limit = time.time_ns() - _SETTLED_NS
    try:
        with partial.open("w", encoding="utf-8") as remembered:
            for name, info, digest in in_order(hashed, files, _WORKERS, _AHEAD):
                if digest and info.st_mtime_ns < limit:
                    remembered.write(json.dumps([name, _mark(info), digest]) + "\n")
                yield name, info, digest
        partial.replace(cache)
    finally:
        partial.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """SHA-256 of one file in hex, with bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


class _Known:
    """What was remembered. A damaged cache is worth nothing, and no more than that."""

    def __init__(self, cache: Path) -> None:
        self._lines = _lines(cache)
        self._parts: list[str] = []
        self._mark = self._digest = ""

    def digest(self, name: str, mark: str) -> str:
        """The digest of a file that is as it was; empty where it is not. Asked in the order of the names."""
        parts = name.split("/")
        while self._parts < parts and (line := next(self._lines, None)):
            self._parts, self._mark, self._digest = line[0].split("/"), line[1], line[2]
        return self._digest if (self._parts, self._mark) == (parts, mark) else ""


def _lines(cache: Path) -> Iterator[tuple[str, str, str]]:
    try:
        with cache.open(encoding="utf-8") as lines:
            for line in lines:
                name, mark, digest = map(str, json.loads(line))
                yield name, mark, digest
    except (OSError, ValueError, TypeError):
        return


def _mark(info: os.stat_result) -> str:
    return f"{info.st_ino}.{info.st_size}.{info.st_mtime_ns}"
