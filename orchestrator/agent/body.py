"""What follows a request on standard input: blocks, each with its length, perhaps deflated, ended by an empty one.

So a session knows where a body ends and goes on with the next request; a body that was cut has no end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from orchestrator.agent.failures import ReleaseFailed, UsageError

MOST_BLOCK_BYTES = 1 << 20
"""Longest block, on the wire and inflated: what one body can make us hold in memory."""

_DEFLATED = 1 << 31
"""Bit of a block's length that says whether its content is deflated."""

_RAW_DEFLATE = -15
"""zlib's largest window without a header. Source: zlib.h, inflateInit2."""


_LEVEL = 4
"""As the controller's own (transport/blocks.py)."""


def blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A body without its end, of parts that are no longer than a block."""
    for part in _gathered(parts):
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
        deflated = packer.compress(part) + packer.flush()
        is_shorter = len(deflated) < len(part)
        head = len(deflated) | _DEFLATED if is_shorter else len(part)
        yield head.to_bytes(4) + (deflated if is_shorter else part)


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    waiting = b""
    for part in parts:
        if waiting and len(waiting) + len(part) > MOST_BLOCK_BYTES // 2:
            yield waiting
            waiting = b""
        waiting += part
    if waiting:
        yield waiting


class Body:
    """One body, read from the beginning to the end, a block in memory at a time.

    Attributes:
        follows: Whether the request has one at all.
        ended: Whether its end was read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._block, self._position = b"", 0
        self.follows = self.ended = False

    @property
    def unread(self) -> bool:
        """Whether some of it is still to come."""
        return self.follows and not self.ended

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`; none at the end.

        Raises: ReleaseFailed: it was cut off. UsageError: it is no body.
        """
        if self._position == len(self._block) and not self._next():
            return b""
        part = self._block[self._position : self._position + size]
        self._position += len(part)
        return part

    def exactly(self, size: int) -> bytes:
        """So many bytes. Raises: ReleaseFailed: there are fewer."""
        parts = []
        while size:
            part = self.read(size)
            if not part:
                raise _cut("it ends in the middle of a file")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def lines(self, most_bytes: int) -> Iterator[bytes]:
        """Its lines, without their ends. Raises: UsageError: one is longer than `most_bytes`, or the last is cut."""
        rest = b""
        while block := self.read(MOST_BLOCK_BYTES):
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
            if len(rest) > most_bytes:
                raise UsageError("the request is wrong", why=f"a line is longer than {most_bytes} bytes")
        if rest:
            raise UsageError("the request is wrong", why="the last line has no end")

    def _next(self) -> bool:
        """Read the next block that holds something; False at the end."""
        while not self.ended:
            head = int.from_bytes(self._whole(4))
            content = self._content(head & ~_DEFLATED, deflated=bool(head & _DEFLATED))
            self.ended = head == 0
            if content:
                self._block, self._position = content, 0
                return True
        return False

    def _content(self, length: int, *, deflated: bool) -> bytes:
        if length > MOST_BLOCK_BYTES:
            raise UsageError("the request is wrong", why=f"a block of {length} bytes is too long")
        content = self._whole(length)
        if not deflated:
            return content
        inflater = zlib.decompressobj(_RAW_DEFLATE)
        try:
            content = inflater.decompress(content, MOST_BLOCK_BYTES)
        except zlib.error as error:
            raise UsageError("the request is wrong", why=f"a block cannot be inflated: {error}") from None
        if not inflater.eof:
            raise UsageError("the request is wrong", why="a block is longer than it may be, or was cut")
        return content

    def _whole(self, size: int) -> bytes:
        content = self._stream.read(size) if size else b""
        if len(content) < size:
            raise _cut("the connection was lost")
        return content


def _cut(why: str) -> ReleaseFailed:
    return ReleaseFailed("the transfer broke off", why=why, state="what arrived is kept")
