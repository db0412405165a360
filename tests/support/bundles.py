"""A bundle for tests whose hosts are in memory."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.transport import listing

CONTENT = b"main"
STORED = sha256(CONTENT).hexdigest()
"""How a host's store names the only file."""

LISTED = listing.encode(BundleFile("main.js", STORED, len(CONTENT)))
"""The list."""


def one_file(root: Path, app: str = "shop") -> Bundle:
    """A bundle of one file, written where `root` is."""
    (root / "main.js").write_bytes(CONTENT)
    written = listing.write(root / "files.jsonl", [BundleFile("main.js", STORED, len(CONTENT))])
    manifest = Manifest(
        app, "r", "", written.digest, "main.js", "lts", 0, "any", "", written.files, written.size_bytes
    )
    return Bundle(manifest, root / "files.jsonl", root)
