"""Check that files of the store still hold what their names say."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent import listing
from orchestrator.agent.failures import ReleaseFailed

_WORTH_A_PROCESS_BYTES = 200_000
"""Length of a list (about 1,000 files) from which on a further process pays (our choice)."""

_CHUNK_BYTES = 1 << 20


def check_store(store: Path, files: Path) -> int:
    """Hash the files of a list in as many processes as there are processors; damaged ones are removed from the store.

    Args:
        store: Of the app.
        files: The list.
    Returns: How many were damaged or gone; they count as missing from now on.
    """
    workers = max(1, min(os.cpu_count() or 1, files.stat().st_size // _WORTH_A_PROCESS_BYTES))
    broken = _in_processes(store, files, workers)
    for name in broken:
        (store / name[:2] / name[2:]).unlink(missing_ok=True)
    return len(broken)


def _in_processes(store: Path, files: Path, workers: int) -> list[str]:
    """The broken names of all shares; the last share is done by this process itself."""
    pipes = [_fork(store, files, share, workers) for share in range(workers - 1)]
    broken = list(_broken(store, files, workers - 1, workers))
    for process, reader in pipes:
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        _, status = os.waitpid(process, 0)
        if status != 0:
            raise ReleaseFailed("checking the store failed", why=f"a worker ended with status {status}")
        broken += said.split()
    return broken


def _fork(store: Path, files: Path, share: int, workers: int) -> tuple[int, int]:
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    code = 1
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.writelines(f"{name}\n".encode() for name in _broken(store, files, share, workers))
        code = 0
    finally:
        os._exit(code)


def _broken(store: Path, files: Path, share: int, workers: int) -> Iterator[str]:
    """Files are dealt out by their digests: one that a list names often is hashed once."""
    base = str(store)
    seen: set[bytes] = set()
    for entry in listing.read(files):
        name = entry.stored
        if not name or int(name[:8], 16) % workers != share:
            continue
        short = bytes.fromhex(name[:64]) + name[64:].encode()
        if short not in seen:
            seen.add(short)
            if file_digest(f"{base}/{name[:2]}/{name[2:]}") != name[:64]:
                yield name


def file_digest(path: str) -> str:
    """SHA-256 of a file in hex; empty where there is none."""
    digest = hashlib.sha256()
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                digest.update(chunk)
        finally:
            os.close(descriptor)
        return digest.hexdigest()
    return ""
