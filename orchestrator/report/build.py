"""What `vpsdeploy build` shows."""

from __future__ import annotations

from typing import Any

from orchestrator.model.bundle import BundleWritten


def text(written: BundleWritten) -> str:
    """For people."""
    size = written.size_bytes / 1e6
    return f"{written.path}\n{written.files} files, {size:.1f} MB, digest {written.digest}, revision {written.revision}"


def fields(written: BundleWritten) -> dict[str, Any]:
    """For programs (kind "build")."""
    return {
        "path": str(written.path), "digest": written.digest, "size_bytes": written.size_bytes,
        "files": written.files, "revision": written.revision,
    }  # fmt: skip
