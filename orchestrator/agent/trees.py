"""What differs between the files of two releases, as they are on the disk.

Files are hard links into one store: two names of one inode are the same content, so only the others are read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CHUNK_BYTES = 1 << 20
_EXECUTABLE = 0o111


class Entry(NamedTuple):
    """One file, or one symbolic link (then `link` is its target and `inode` is 0)."""

    inode: int
    executable: bool
    link: str


class Difference(NamedTuple):
    """One path that is not the same in both; a side that does not have it is None.

    `a` and `b` say what is there: the beginning of the content's SHA-256, with "x" for an executable, or -> target.
    """

    path: str
    a: str | None
    b: str | None

    @property
    def change(self) -> str:
        """added, removed or changed."""
        return "added" if self.a is None else "removed" if self.b is None else "changed"


def differences(a: Path, b: Path) -> Iterator[Difference]:
    """Every path that differs, sorted."""
    one, other = _tree(a), _tree(b)
    for path in sorted(one.keys() | other.keys()):
        left, right = one.get(path), other.get(path)
        if left == right:
            continue
        said = tuple(entry and _content(root / path, entry) for root, entry in ((a, left), (b, right)))
        if said[0] != said[1]:
            yield Difference(path, said[0], said[1])


def _tree(root: Path) -> dict[str, Entry]:
    """Files and links by their paths; links are not followed."""
    found: dict[str, Entry] = {}
    waiting = [""]
    while waiting:
        above = waiting.pop()
        with os.scandir(f"{root}/{above}") as entries:
            for entry in entries:
                path = f"{above}{entry.name}"
                if entry.is_symlink():
                    found[path] = Entry(0, False, str(Path(entry.path).readlink()))
                elif entry.is_dir():
                    waiting.append(f"{path}/")
                else:
                    status = entry.stat(follow_symlinks=False)
                    found[path] = Entry(status.st_ino, bool(status.st_mode & _EXECUTABLE), "")
    return found


def _content(path: Path, entry: Entry) -> str:
    if entry.link:
        return f"-> {entry.link}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()[:16] + ("x" if entry.executable else "")
