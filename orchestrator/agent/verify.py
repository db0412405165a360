"""Check that files of the store still hold what their names say."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from orchestrator.agent.failures import ReleaseFailed

_WORTH_A_PROCESS = 1000
_CHUNK_BYTES = 1 << 20


def check_store(store: Path, names: Iterable[str]) -> None:
    """Hash files in as many processes as there are processors; damaged ones are removed from the store.

    Raises: ReleaseFailed: some are damaged or gone; they count as missing from now on.
    """
    ordered = sorted(names)
    workers = max(1, min(os.cpu_count() or 1, len(ordered) // _WORTH_A_PROCESS))
    broken = _in_processes(store, [ordered[worker::workers] for worker in range(workers)])
    if broken:
        for name in broken:
            (store / name[:2] / name[2:]).unlink(missing_ok=True)
        raise damaged(broken)


def damaged(names: Sequence[str]) -> ReleaseFailed:
    """The error for files that have to be sent again."""
    why = f"{len(names)} files were damaged or gone and were removed, the first: {names[0]}"
    return ReleaseFailed(
        "files on the host are damaged", why=why, state="nothing was changed", next="run the release again",
        missing=list(names),
    )  # fmt: skip


def _in_processes(store: Path, shares: Sequence[Sequence[str]]) -> list[str]:
    """The broken names of all shares; the last share is done by this process itself."""
    pipes = [_fork(store, share) for share in shares[:-1]]
    broken = _broken(store, shares[-1])
    for process, reader in pipes:
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        _, status = os.waitpid(process, 0)
        if status != 0:
            raise ReleaseFailed("checking the store failed", why=f"a worker ended with status {status}")
        broken += said.split()
    return broken


def _fork(store: Path, names: Sequence[str]) -> tuple[int, int]:
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    code = 1
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write("\n".join(_broken(store, names)).encode())
        code = 0
    finally:
        os._exit(code)


def _broken(store: Path, names: Iterable[str]) -> list[str]:
    base = str(store)
    return [name for name in names if _digest(f"{base}/{name[:2]}/{name[2:]}") != name[:64]]


def _digest(path: str) -> str:
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
