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

    @property
    def stored(self) -> str:
        """How a host's store names the file; empty for a link."""
        return f"{self.digest}x" if self.executable else self.digest


@dataclass(frozen=True, slots=True)
class HostInstall:
    """How a host installs the dependencies, with what the bundle holds below INSTALL_DIRECTORY.

    Attributes:
        manager: npm, pnpm or yarn.
        version: Of it, which comes with the bundle.
        program: File that Node runs, relative to INSTALL_DIRECTORY/manager.
    """

    manager: str
    version: str
    program: str


INSTALL_DIRECTORY = ".vpsdeploy/install"
"""In a bundle: project/ with what an installation reads, manager/ with the package manager. No part of the app."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle is and how it was made; its files are in a list of its own (transport/listing.py).

    Attributes:
        app: Name of the app.
        revision: Git commit, with "-dirty" where the tree was changed; the content digest without Git.
        subject: First line of the commit's message; empty without Git.
        digest: SHA-256 of the file list: names the content.
        entry: Entry file relative to the app's directory, for example dist/main.js.
        node_request: What the project asks for: "lts", "24" or "24.21.0".
        node_abi: process.versions.modules of the Node that installed the dependencies; 0 without native modules.
        platform: "linux-x64" or "linux-arm64"; "any" where nothing native is inside.
        built_at: ISO 8601, UTC.
        files: In the list, links included (count).
        size_bytes: Length of all files together.
        install: Where the hosts install the dependencies; None: they are in the bundle.
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
    files: int
    size_bytes: int
    install: HostInstall | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A manifest, the list of its files and where they are read from: however many they are, memory holds few.

    Attributes:
        manifest: What it is.
        listing: File with the list.
        root: A built tree, or the files of an unpacked bundle file.
        by_digest: Whether files in root are named by their digests instead of their paths.
    """

    manifest: Manifest
    listing: Path
    root: Path
    by_digest: bool = False

    def content_of(self, file: BundleFile) -> Path:
        """Where the content of a file is."""
        return self.root / (file.digest if self.by_digest else file.path)


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
