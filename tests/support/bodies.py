"""What is sent, in tests: made as the controller makes it, and taken apart as the agent does."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestrator.agent.body import MOST_BLOCK_BYTES, Body
from orchestrator.model.bundle import Bundle
from orchestrator.transport import blocks, listing, tar


def framed(content: bytes) -> bytes:
    """A body with its end."""
    return b"".join(blocks.body([content])) + blocks.END


def unframed(body: Iterable[bytes]) -> bytes:
    """What a body without its end holds."""
    read = Body(io.BytesIO(b"".join(body) + blocks.END))
    return b"".join(iter(lambda: read.read(MOST_BLOCK_BYTES), b""))


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """A tar of these files."""
    parts = (
        tar.header(name, len(content)) + content + tar.padding(len(content))
        for name, content in members.items()
    )
    return b"".join(parts) + tar.END


def untar(content: bytes) -> dict[str, bytes]:
    """The files of a tar, as any reader of tar files sees them."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as read:
        return {member.name: read.extractfile(member).read() for member in read}  # type: ignore[union-attr] # files only


def laid_out(bundle: Bundle, into: Path) -> Path:
    """A bundle's files under their paths, as a host has them."""
    for file in listing.read(bundle.listing):
        path = into / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            path.symlink_to(file.link)
        else:
            path.write_bytes(bundle.content_of(file).read_bytes())
            path.chmod(0o755 if file.executable else 0o644)
    return into
