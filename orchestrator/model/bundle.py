"""What is shipped: a manifest and files by content digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

RELEASE_ID = re.compile(r"\d{14}-[0-9a-f]{8}")
"""YYYYMMDDhhmmss-digest8, UTC: ordered by text, never by modification time."""


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file or symbolic link of a bundle.

    Attributes:
        path: Relative to the app's directory, with forward slashes.
        digest: SHA-256 of the content in hex; empty for a link.
        size_bytes: Length of the content; 0 for a link.
        executable: Whether the file is installed with mode 0755 instead of 0644.
        link: Target of a symbolic link, relative and inside the bundle; empty for a file.
    """

    path: str
    digest: str = ""
    size_bytes: int = 0
    executable: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle is made of and how it was made.

    Attributes:
        app: Name of the app.
        revision: Git commit, with "-dirty" where the tree was changed; the content digest without Git.
        subject: First line of the commit's message; empty without Git.
        digest: SHA-256 over the sorted file list: names the content.
        entry: Entry file relative to the app's directory, for example dist/main.js.
        node_request: What the project asks for: "lts", "24" or "24.21.0".
        node_abi: process.versions.modules of the Node that installed the dependencies; 0 without native modules.
        platform: "linux-x64" or "linux-arm64"; "any" where nothing native is inside.
        built_at: ISO 8601, UTC.
        files: Sorted by path.
    """

    app: str
    revision: str
    subject: str
    digest: str
    entry: str
    node_request: str
    node_abi: int
    platform: str
    built_at: str
    files: tuple[BundleFile, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A manifest with the directory that its files are read from (a built tree, or an unpacked bundle file)."""

    manifest: Manifest
    root: Path


@dataclass(frozen=True, slots=True)
class BundleWritten:
    """A bundle file.

    Attributes:
        path: Where it is.
        digest: Of the bundle's content.
        size_bytes: Length of the file.
        files: In it (count).
        revision: That it was built from.
    """

    path: Path
    digest: str
    size_bytes: int
    files: int
    revision: str
