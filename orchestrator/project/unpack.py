"""Take a bundle file apart, trusting nothing of it.

Contents are kept under their digests, so no path of the file is ever written to; the paths of its list are checked all
the same: a host would refuse them only later.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.transport import listing, tar

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK_BYTES = 1 << 20
_MOST_LIST_BYTES = 256 << 20


def unpack(packed: tar.Source, manifest: Manifest, into: Path) -> Bundle:
    """Read what follows the manifest; ValueError where anything is not exactly as it should be.

    Args:
        packed: The tar, behind its first member.
        manifest: That member.
        into: Directory, made anew.
    """
    shutil.rmtree(into, ignore_errors=True)
    bundle = Bundle(manifest, into / "files.jsonl", into / "files", by_digest=True)
    bundle.root.mkdir(parents=True)
    _take_list(packed, bundle)
    _check_list(bundle)
    _check_room(bundle)
    for file in _contents(bundle):
        _take(packed, file, bundle.content_of(file))
    if (more := tar.next_member(packed)) is not None:
        raise ValueError(f"it holds {more[0]!r}, which its list does not name")
    return bundle


def _take_list(packed: tar.Source, bundle: Bundle) -> None:
    member = tar.next_member(packed)
    if member is None or member[0] != bundle.listing.name or member[1] > _MOST_LIST_BYTES:
        raise ValueError("its file list is missing")
    if _copy(packed, member[1], bundle.listing) != bundle.manifest.digest:
        raise ValueError("its file list was altered: the digest differs")


def _check_list(bundle: Bundle) -> None:
    count = size = 0
    before = ""
    for file in listing.read(bundle.listing):
        _check_entry(file, before)
        before, count, size = file.path, count + 1, size + file.size_bytes
    if (count, size) != (bundle.manifest.files, bundle.manifest.size_bytes):
        raise ValueError(
            f"its manifest says {bundle.manifest.files} files of {bundle.manifest.size_bytes} bytes, "
            f"its list {count} of {size}"
        )


def _check_entry(file: BundleFile, before: str) -> None:
    """The paths come in order, so what stands beneath a file or a link would come right behind it."""
    parts = file.path.split("/")
    if not file.path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"the path {file.path!r} is not inside of the app")
    if before and file.path.startswith(f"{before}/"):
        raise ValueError(f"the path {file.path!r} goes through the file or link {before!r}")
    if before and before.split("/") >= parts:
        raise ValueError(f"the path {file.path!r} is named twice, or stands in the wrong place")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), file.link))
    if file.link and (posixpath.isabs(file.link) or target.split("/")[0] == ".."):
        raise ValueError(f"the link {file.path!r} leaves the app")
    if not file.link and not _DIGEST.fullmatch(file.digest):
        raise ValueError(f"{file.path!r} has no digest")


def _check_room(bundle: Bundle) -> None:
    free = shutil.disk_usage(bundle.root).free
    if free < bundle.manifest.size_bytes:
        raise ValueError(f"it needs {bundle.manifest.size_bytes} bytes on this machine, {free} are free")


def _contents(bundle: Bundle) -> Iterator[BundleFile]:
    """The files in the order of the list, each content once."""
    for file in listing.read(bundle.listing):
        if not file.link and not bundle.content_of(file).exists():
            yield file


def _take(packed: tar.Source, file: BundleFile, target: Path) -> None:
    member = tar.next_member(packed)
    if member is None:
        raise ValueError(f"files are missing, the first is {file.path}")
    if member != (file.digest, file.size_bytes):
        raise ValueError(f"it holds {member[0][:100]!r} of {member[1]} bytes in the place of {file.path}")
    if _copy(packed, file.size_bytes, target) != file.digest:
        raise ValueError(f"the content of {file.path} was altered: its digest differs")


def _copy(packed: tar.Source, size: int, target: Path) -> str:
    """Write so many bytes and what pads them. Returns: their digest."""
    digest, left = hashlib.sha256(), size
    with target.open("xb") as file:
        while left:
            part = packed.read(min(left, _BLOCK_BYTES))
            if not part:
                raise EOFError("it is cut off")
            digest.update(part)
            file.write(part)
            left -= len(part)
    tar.exactly(packed, len(tar.padding(size)))
    return digest.hexdigest()
