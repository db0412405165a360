"""Tar files of plain files only, read and written header by header.

Python's tarfile keeps every member it saw, and holds in memory whatever a long-name or extended header claims to be
long: a list of 100,000 files or a crafted file would cost what we have not got.
"""

from __future__ import annotations

import tarfile
from typing import Protocol

BLOCK_BYTES = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK_BYTES)
"""Two empty blocks end a tar file."""


class Source(Protocol):
    """What can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


def header(name: str, size: int) -> bytes:
    """The header of a file; no times and no owners, so the same content gives the same bytes everywhere."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def padding(size: int) -> bytes:
    """What follows a content of some length."""
    return bytes(-size % BLOCK_BYTES)


def next_member(source: Source) -> tuple[str, int] | None:
    """Read the next header. Returns: the name and size of a file; None behind the last one.

    Raises: ValueError: it is no header, or that of something else than a file. EOFError: the tar is cut off.
    """
    block = exactly(source, BLOCK_BYTES)
    if block == bytes(BLOCK_BYTES):
        return None
    try:
        member = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except tarfile.HeaderError as error:
        raise ValueError(f"it is no tar: {error}") from None
    if not member.isreg() or member.size < 0:
        raise ValueError(f"it holds {member.name[:100]!r}, which is no file")
    return member.name, member.size


def exactly(source: Source, size: int) -> bytes:
    """So many bytes. Raises: EOFError: there are fewer."""
    content = source.read(size)
    if len(content) < size:
        raise EOFError("it is cut off")
    return content
