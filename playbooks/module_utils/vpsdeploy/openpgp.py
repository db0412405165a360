"""Which keys a file of OpenPGP keys holds: their fingerprints, without any program. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

_PUBLIC_KEY = 6
_NEW_FORMAT = 0x40
_MARK = 0x80
_V4 = 4


def fingerprints(content: bytes) -> list[str]:
    """Of every primary key in the file, armored or binary, as capital hexadecimal digits.

    Raises: ValueError: it is no file of keys that we can read.
    Source: RFC 9580, sections 4.2 (packets), 5.5.4 (fingerprint of version 4), 6 (armor).
    """
    found = []
    for tag, body in _packets(_binary(content)):
        if tag != _PUBLIC_KEY:
            continue
        if body[:1] != bytes([_V4]):
            raise ValueError("it holds a key that is not of version 4")
        framed = b"\x99" + len(body).to_bytes(2, "big") + body
        found.append(hashlib.sha1(framed, usedforsecurity=False).hexdigest().upper())
    if not found:
        raise ValueError("it holds no public key")
    return found


def is_armored(content: bytes) -> bool:
    """Whether the keys are text."""
    return content.lstrip().startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")


def _binary(content: bytes) -> bytes:
    if not is_armored(content):
        return content
    lines = [line.strip() for line in content.strip().splitlines()]
    try:
        begin = lines.index(b"") + 1  # headers end with an empty line
        end = next(i for i, line in enumerate(lines) if line.startswith(b"-----END PGP"))
        # The last line may be a checksum, which is no part of the keys.
        text = b"".join(line for line in lines[begin:end] if not line.startswith(b"="))
        return base64.b64decode(text, validate=True)
    except (ValueError, StopIteration, binascii.Error):
        raise ValueError("its armor is broken") from None


def _packets(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(content):
        head = content[place]
        if not head & _MARK:
            raise ValueError("it is no file of OpenPGP keys")
        tag, place, length = _header(content, head, place + 1)
        if place + length > len(content):
            raise ValueError("it is cut off")
        yield tag, content[place : place + length]
        place += length


def _header(content: bytes, head: int, place: int) -> tuple[int, int, int]:
    """Tag, where the body begins, and how long it is. Keys have no bodies of a length that is not told."""
    if head & _NEW_FORMAT:
        first = content[place : place + 1]
        if not first:
            raise ValueError("it is cut off")
        if first[0] < 192:
            return head & 0x3F, place + 1, first[0]
        if first[0] < 224:
            return head & 0x3F, place + 2, (first[0] - 192 << 8) + _number(content, place + 1, 1) + 192
        if first[0] == 255:
            return head & 0x3F, place + 5, _number(content, place + 1, 4)
        raise ValueError("it has a packet of unknown length")
    size = {0: 1, 1: 2, 2: 4}.get(head & 3)
    if size is None:
        raise ValueError("it has a packet of unknown length")
    return head >> 2 & 0x0F, place + size, _number(content, place, size)


def _number(content: bytes, place: int, size: int) -> int:
    part = content[place : place + size]
    if len(part) < size:
        raise ValueError("it is cut off")
    return int.from_bytes(part, "big")
