"""Kafka's types on the wire: what a request is written with, and an answer is read with.

Source: kafka.apache.org/protocol, "Protocol Primitive Types"; the compact ones are of its flexible versions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

NO_TAGS = b"\0"
NULL_ARRAY = b"\xff\xff\xff\xff"
_SEVEN_BITS = 7


def int8(value: int) -> bytes:
    """One byte, signed; also a boolean."""
    return struct.pack(">b", value)


def int16(value: int) -> bytes:
    """Two bytes, signed."""
    return struct.pack(">h", value)


def int32(value: int) -> bytes:
    """Four bytes, signed."""
    return struct.pack(">i", value)


def string(text: str | None) -> bytes:
    """A string, or null."""
    if text is None:
        return int16(-1)
    data = text.encode()
    return int16(len(data)) + data


def data(value: bytes) -> bytes:
    """Bytes."""
    return int32(len(value)) + value


def array(items: Iterable[bytes]) -> bytes:
    """An array of what is written already."""
    found = list(items)
    return int32(len(found)) + b"".join(found)


def compact(value: str | bytes) -> bytes:
    """A compact string, or compact bytes."""
    found = value.encode() if isinstance(value, str) else value
    return _unsigned(len(found) + 1) + found


def compact_array(items: Iterable[bytes]) -> bytes:
    """A compact array of what is written already."""
    found = list(items)
    return _unsigned(len(found) + 1) + b"".join(found)


def _unsigned(value: int) -> bytes:
    written = bytearray()
    while value >> _SEVEN_BITS:
        written.append(0x80 | (value & 0x7F))
        value >>= _SEVEN_BITS
    written.append(value)
    return bytes(written)


class Reader:
    """An answer, read from its beginning.

    Raises: ValueError: there is less than what is read.
    """

    def __init__(self, answer: bytes) -> None:
        self._answer, self._at = answer, 0

    def int8(self) -> int:
        """One byte, signed; also a boolean."""
        return int(struct.unpack(">b", self._take(1))[0])

    def int16(self) -> int:
        """Two bytes, signed."""
        return int(struct.unpack(">h", self._take(2))[0])

    def int32(self) -> int:
        """Four bytes, signed."""
        return int(struct.unpack(">i", self._take(4))[0])

    def int64(self) -> int:
        """Eight bytes, signed."""
        return int(struct.unpack(">q", self._take(8))[0])

    def string(self) -> str:
        """A string; empty where it is null."""
        return self._take(max(self.int16(), 0)).decode()

    def data(self) -> bytes:
        """Bytes; none where they are null."""
        return self._take(max(self.int32(), 0))

    def array(self, one: Callable[[], T]) -> list[T]:
        """An array; empty where it is null."""
        return [one() for _ in range(self._count(self.int32()))]

    def compact(self) -> str:
        """A compact string; empty where it is null."""
        return self._take(max(self._unsigned() - 1, 0)).decode()

    def compact_array(self, one: Callable[[], T]) -> list[T]:
        """A compact array; empty where it is null."""
        return [one() for _ in range(self._count(self._unsigned() - 1))]

    def tags(self) -> None:
        """Tagged fields, none of which we know."""
        for _ in range(self._count(self._unsigned())):
            self._unsigned()
            self._take(self._unsigned())

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += _SEVEN_BITS

    def _count(self, count: int) -> int:
        """Each item takes a byte at least: a larger count is nonsense, and would take all memory."""
        if count > len(self._answer) - self._at:
            raise ValueError(f"the answer says {count} items and has not as many bytes")
        return count

    def _take(self, count: int) -> bytes:
        found = self._answer[self._at : self._at + count]
        if len(found) != count:
            raise ValueError("the answer ends too early")
        self._at += count
        return found
