"""nginx's access log of the app, read from a mark on: new lines only, also where it was rotated meanwhile.

A mark is {"inode", "offset"}: it names the file itself, so it still fits after logrotate has given it another name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Mark = dict[str, int]

MOST_BYTES = 32 << 20
"""Most that is read at once; a log that grew more is read from its end (our choice: 70,000 requests)."""


def end(path: Path) -> Mark:
    """The mark at the end of the log; of a log that is not there: from its beginning."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return {"inode": 0, "offset": 0}
    return {"inode": status.st_ino, "offset": status.st_size}


def after(path: Path, mark: Mark) -> tuple[list[dict[str, Any]], Mark]:
    """The requests that were logged since a mark, and the mark behind the last whole line of them."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            same = status.st_ino == mark["inode"]
            older = [] if same else _rest_of_rotated(path, mark)
            begin = mark["offset"] if same and mark["offset"] <= status.st_size else 0
            text, offset = _whole_lines(file.fileno(), begin, status.st_size)
    except FileNotFoundError:
        return [], mark
    return [*older, *_requests(text.splitlines())], {"inode": status.st_ino, "offset": offset}


def before(path: Path, mark: Mark, most_bytes: int) -> Iterator[dict[str, Any]]:
    """The requests that were logged before a mark, newest first, as far back as some bytes of the same file reach."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != mark["inode"]:
                return
            begin = max(0, mark["offset"] - most_bytes)
            text = os.pread(file.fileno(), mark["offset"] - begin, begin)
    except FileNotFoundError:
        return
    lines = text.splitlines()
    yield from _requests(reversed(lines[1:] if begin else lines))


def _rest_of_rotated(path: Path, mark: Mark) -> list[dict[str, Any]]:
    """What came into the file of the mark before logrotate renamed it."""
    rotated = path.with_name(f"{path.name}.1")
    try:
        with rotated.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != mark["inode"]:
                return []
            text, _ = _whole_lines(file.fileno(), mark["offset"], status.st_size)
    except FileNotFoundError:
        return []
    return list(_requests(text.splitlines()))


def _whole_lines(descriptor: int, begin: int, end: int) -> tuple[bytes, int]:
    """Up to the last line that has its end: nginx may be writing the next one."""
    first = max(begin, end - MOST_BYTES)
    text = os.pread(descriptor, end - first, first)
    whole = text[: text.rfind(b"\n") + 1]
    skipped = whole.find(b"\n") + 1 if first > begin else 0
    return whole[skipped:], first + len(whole)


def _requests(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Lines that cannot be read are left out: clients put anything into them."""
    for line in lines:
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict):
            yield fields
