"""Lay out a bundle's files from a tar stream of contents named by digest, trusting nothing of it."""

from __future__ import annotations

import hashlib
import posixpath
import shutil
import tarfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

from orchestrator.model.bundle import BundleFile, Manifest
from orchestrator.project.bundle import content_digest

_BLOCK_BYTES = 1 << 20


def unpack(tar: tarfile.TarFile, manifest: Manifest, into: Path) -> None:
    """Write the files; ValueError where a path, a link or a digest is wrong or something is missing."""
    if content_digest(manifest.files) != manifest.digest:
        raise ValueError("its manifest was altered: the digest differs")
    _check_paths(manifest.files)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    by_digest: dict[str, list[BundleFile]] = defaultdict(list)
    for entry in manifest.files:
        if not entry.link:
            by_digest[entry.digest].append(entry)
    while (member := tar.next()) is not None:
        _content(tar, member, by_digest.pop(member.name, []), into)
    if by_digest:
        missing = next(iter(by_digest.values()))[0].path
        raise ValueError(f"{len(by_digest)} files are missing, the first is {missing}")
    for entry in manifest.files:
        if entry.link:
            _place(into, entry).symlink_to(entry.link)


def _check_paths(files: tuple[BundleFile, ...]) -> None:
    links = {entry.path for entry in files if entry.link}
    for entry in files:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or str(path) != entry.path or entry.path == ".":
            raise ValueError(f"the path {entry.path!r} is not inside of the app")
        if any(str(parent) in links for parent in path.parents):
            raise ValueError(f"the path {entry.path!r} goes through a link")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link))
        if entry.link and (posixpath.isabs(entry.link) or target.split("/")[0] == ".."):
            raise ValueError(f"the link {entry.path!r} leaves the app")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, entries: list[BundleFile], into: Path) -> None:
    source = tar.extractfile(member)
    if source is None or not entries:
        raise ValueError(f"it holds {member.name!r}, which its manifest does not name")
    first, digest = _place(into, entries[0]), hashlib.sha256()
    with first.open("xb") as target:
        while block := source.read(_BLOCK_BYTES):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != member.name or member.size != entries[0].size_bytes:
        raise ValueError(f"the content of {entries[0].path} was altered: its digest differs")
    for entry in entries[1:]:
        shutil.copyfile(first, _place(into, entry))
    for entry in entries:
        (into / entry.path).chmod(0o755 if entry.executable else 0o644)


def _place(into: Path, entry: BundleFile) -> Path:
    path = into / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
