"""The body of a request: blocks, each with its length, deflated where that pays, ended by an empty one.

Blocks do not depend on each other, so threads make them side by side, and the host takes them apart with a bounded
memory. Measured on JavaScript: 1.2 % more bytes than one stream; level 4 gives 6 % fewer than 3 at the same 80 MB/s,
and 6 % more than 6 at twice its speed. What does not compress is found out by samples and sent as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from orchestrator.errors import InternalError
from orchestrator.transport.ahead import in_order

BLOCK_BYTES = 256 * 1024
END = bytes(4)
"""The empty block: a body without it was cut off."""

_LEVEL = 4
_RAW_DEFLATE = -15
"""zlib's largest window without a header. Source: zlib.h, deflateInit2."""

_DEFLATED = 1 << 31
_SAMPLE_BYTES = 4 * 1024
_WORTH = 0.95
"""Share of a block's length that its deflated form must stay below (our choice)."""


class Again:
    """A body that is made anew for each try: an agent that was killed is asked once more.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[], Iterable[bytes]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._make())


def body(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks of a body, without its end."""
    return in_order(block, _gathered(parts))


def block(content: bytes) -> bytes:
    """One block."""
    if _compresses(content):
        deflated = zlib.compress(content, _LEVEL, _RAW_DEFLATE)
        if len(deflated) < _WORTH * len(content):
            return (len(deflated) | _DEFLATED).to_bytes(4) + deflated
    return len(content).to_bytes(4) + content


def content(stream: Iterable[bytes]) -> Iterator[bytes]:
    """What the blocks of a body hold, as they come over a stream that is cut anywhere.

    Raises: InternalError: it is no body.
    """
    waiting = b""
    for part in stream:
        waiting += part
        while len(waiting) >= len(END):
            head = int.from_bytes(waiting[: len(END)])
            end = len(END) + (head & ~_DEFLATED)
            if len(waiting) < end:
                break
            block, waiting = waiting[len(END) : end], waiting[end:]
            yield zlib.decompress(block, _RAW_DEFLATE) if head & _DEFLATED else block
    if waiting:
        raise InternalError("a transfer broke off", why=f"{len(waiting)} bytes of a block are left")


def _compresses(content: bytes) -> bool:
    middle = len(content) // 2
    sample = content[:_SAMPLE_BYTES] + content[middle:][:_SAMPLE_BYTES] + content[-_SAMPLE_BYTES:]
    return len(zlib.compress(sample, 1, _RAW_DEFLATE)) < _WORTH * len(sample)


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one length."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= BLOCK_BYTES:
            yield bytes(waiting[:BLOCK_BYTES])
            del waiting[:BLOCK_BYTES]
    if waiting:
        yield bytes(waiting)
