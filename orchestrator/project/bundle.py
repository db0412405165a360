"""From a built tree to a bundle: the list of files with their digests, and the manifest."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.model.build import BuiltTree, Project
from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.project.hashing import Found, digests
from orchestrator.project.modules import RECORDS
from orchestrator.project.native import native_target
from orchestrator.project.revision import revision_of
from orchestrator.transport import listing


def make_bundle(app: str, project: Project, tree: BuiltTree, now: datetime) -> Bundle:
    """List and hash what was built.

    Args:
        app: Name of the app (vpsdeploy.yml).
        project: As detected.
        tree: As built; the list and remembered digests are written beside it.
        now: Time of the build, for built_at.
    Raises: ProjectError: a symbolic link leaves the tree, or a special file is inside.
    """
    scan = _Scan(tree.root)
    beside = tree.root.parent / "files.jsonl"
    written = listing.write(beside, scan.entries(tree.root.parent / "digests.jsonl"))
    revision, subject = revision_of(project.root)
    abi, platform = native_target(tree, scan.native)
    manifest = Manifest(
        app=app,
        revision=revision or written.digest,
        subject=subject,
        digest=written.digest,
        entry=tree.entry,
        node_request=project.node_request,
        node_abi=abi,
        platform=platform,
        built_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        files=written.files,
        size_bytes=written.size_bytes,
        install=tree.install,
    )
    return Bundle(manifest, beside, tree.root)


class _Scan:
    """One look at a tree, a file at a time, in the order of the list.

    Attributes:
        native: Files that may be compiled code (names), as far as the tree was looked at.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.native: list[str] = []

    def entries(self, cache: Path) -> Iterator[BundleFile]:
        """Every file and link."""
        for name, info, digest in digests(self._root, self._found(), cache):
            executable = bool(info.st_mode & stat.S_IXUSR)
            if stat.S_ISLNK(info.st_mode):
                yield BundleFile(name, link=_link(self._root, name))
            else:
                yield BundleFile(name, digest, info.st_size, executable=executable)

    def _found(self) -> Iterator[Found]:
        for name, info in _walk(self._root):
            if not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
                raise ProjectError(
                    f"{name} is neither a file nor a link", next="remove it from what the build makes"
                )
            if not _is_plain(name):
                raise ProjectError(
                    f"the file name {name!r} cannot be shipped",
                    why="it holds a control character, or is not UTF-8",
                    next="rename the file",
                )
            if name.endswith(".node") and stat.S_ISREG(info.st_mode):
                self.native.append(name)
            yield name, info


def _walk(root: Path, below: str = "") -> Iterator[Found]:
    with os.scandir(root / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{below}/{entry.name}" if below else entry.name
        if entry.name in RECORDS and "node_modules" in name.split("/"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, name)
        else:
            yield name, entry.stat(follow_symlinks=False)


def _is_plain(name: str) -> bool:
    """What the agent takes: UTF-8 without control characters."""
    return not any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in name)


def _link(root: Path, name: str) -> str:
    """A link's target, relative; pnpm's trees are full of them, all inside."""
    target = (root / name).readlink().as_posix()
    place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if posixpath.isabs(target) or place == ".." or place.startswith("../"):
        raise ProjectError(
            f"the link {name} leaves the project",
            why=f"it points to {target}, which no host has",
            next="replace the link by the files, or leave them out of build.include",
        )
    return target
