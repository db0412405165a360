"""Room on the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from orchestrator.agent.failures import HostNotReady

_MARGIN_BYTES = 8 << 20
_BLOCK_BYTES = 4096
FULL = (errno.ENOSPC, errno.EDQUOT)


def free(path: Path) -> tuple[int, int]:
    """Free bytes and free inodes of a path's file system."""
    figures = os.statvfs(path)
    return figures.f_bavail * figures.f_frsize, figures.f_favail


def on_disk(size: int) -> int:
    """Bytes that a file of some size takes, counted in blocks."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def require(path: Path, needed_bytes: int, inodes: int) -> None:
    """Check that something fits, with a margin.

    Raises: HostNotReady: it does not.
    """
    free_bytes, free_inodes = free(path)
    needed_bytes += _MARGIN_BYTES
    tight_inodes = free_inodes < inodes and os.statvfs(path).f_files > 0
    if free_bytes < needed_bytes or tight_inodes:
        why = f"{path} needs {needed_bytes} bytes in {inodes} files"
        raise full(path, why, needed_bytes, state="nothing was changed")


def full(path: Path, why: str, needed_bytes: int | None = None, *, state: str = "") -> HostNotReady:
    """The error for a full disk."""
    free_bytes, free_inodes = free(path)
    figures = {"free_bytes": free_bytes, "free_inodes": free_inodes, "needed_bytes": needed_bytes}
    return HostNotReady(
        "the disk is full", why=f"{why}; free: {free_bytes} bytes, {free_inodes} inodes",
        state=state, next="free space on the host, then run the command again", **figures,
    )  # fmt: skip
