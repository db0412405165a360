"""SHA-256 of many files: in parallel, and not again where a file did not change."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_WORKERS = 4
_BLOCK_BYTES = 1 << 20
# A file changed in the same instant as it was hashed could keep its time: such a digest is not remembered.
_SETTLED_NS = 50_000_000


def digests(root: Path, names: Mapping[str, os.stat_result], cache: Path | None) -> dict[str, str]:
    """The digest of each file below root.

    Args:
        root: Directory that the names are relative to.
        names: Each file's name and lstat.
        cache: File that remembers digests by inode, size and modification time; None remembers nothing.
    """
    known = _read(cache)
    marks = {name: f"{s.st_ino}.{s.st_size}.{s.st_mtime_ns}" for name, s in names.items()}
    result = {name: known[mark] for name, mark in marks.items() if mark in known}
    missing = [name for name in names if name not in result]
    with ThreadPoolExecutor(_WORKERS) as pool:
        result.update(zip(missing, pool.map(lambda name: file_digest(root / name), missing), strict=True))
    if missing:
        limit = time.time_ns() - _SETTLED_NS
        _write(cache, {marks[n]: d for n, d in result.items() if names[n].st_mtime_ns < limit})
    return result


def file_digest(path: Path) -> str:
    """SHA-256 of one file in hex, with bounded memory."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _read(cache: Path | None) -> dict[str, str]:
    """What was remembered; a damaged cache is worth nothing, and no more than that."""
    try:
        known = json.loads(cache.read_text(encoding="utf-8")) if cache else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(cache: Path | None, known: dict[str, str]) -> None:
    if cache is None:
        return
    partial = cache.with_name(f"{cache.name}.{os.getpid()}")
    partial.write_text(json.dumps(known), encoding="utf-8")
    partial.replace(cache)
