"""The bundle's manifest as the controller offers it, checked before anything of it is used."""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator.agent.failures import UsageError
from orchestrator.agent.paths import check_tree, checked, checked_link
from orchestrator.agent.request import DIGEST

_MOST_FILES = 500_000
_MOST_FILE_BYTES = 1 << 40


class Entry(NamedTuple):
    """One file, or one symbolic link (then `link` is its target and `stored` is empty)."""

    path: str
    stored: str
    size_bytes: int
    link: str


class Manifest(NamedTuple):
    """What the agent needs of a manifest."""

    digest: str
    revision: str
    subject: str
    entry: str
    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Length of all files together."""
        return sum(entry.size_bytes for entry in self.entries)


def parse(raw: Any, app: str) -> Manifest:
    """Check a manifest.

    Raises: UsageError: naming the first thing that is wrong.
    """
    files = raw.get("files") if isinstance(raw, dict) else None
    if not isinstance(files, list) or len(files) > _MOST_FILES:
        raise UsageError("the manifest is wrong", why="it has no list of files, or one too long")
    if raw.get("app") != app:
        raise UsageError("the manifest is wrong", why=f"it is of app {raw.get('app')!r}, not {app!r}")
    if not DIGEST.fullmatch(str(raw.get("digest"))):
        raise UsageError("the manifest is wrong", why=f"its digest is {raw.get('digest')!r}")
    entries = tuple(_entry(file) for file in files)
    check_tree(entry.path for entry in entries)
    revision, subject, entry = (str(raw.get(name) or "")[:1000] for name in ("revision", "subject", "entry"))
    return Manifest(raw["digest"], revision, subject, entry, entries)


def _entry(file: Any) -> Entry:
    if not isinstance(file, dict):
        raise UsageError("the manifest is wrong", why="a file is not an object")
    path, link, size = checked(file.get("path")), file.get("link"), file.get("size_bytes")
    if link:
        return Entry(path, "", 0, checked_link(path, link))
    if not DIGEST.fullmatch(str(file.get("digest"))):
        raise UsageError("the manifest is wrong", why=f"{path!r} has the digest {file.get('digest')!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MOST_FILE_BYTES:
        raise UsageError("the manifest is wrong", why=f"{path!r} has the size {size!r}")
    return Entry(path, file["digest"] + ("x" if file.get("executable") else ""), size, "")
