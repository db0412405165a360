"""From a built tree to a bundle: the file list, the digests, the manifest."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.model.build import BuiltTree, Project
from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.project.hashing import digests
from orchestrator.project.modules import RECORDS
from orchestrator.project.native import native_target
from orchestrator.project.revision import revision_of


def make_bundle(app: str, project: Project, tree: BuiltTree, now: datetime) -> Bundle:
    """List and hash what was built.

    Args:
        app: Name of the app (vpsdeploy.yml).
        project: As detected.
        tree: As built; its digests are remembered beside it.
        now: Time of the build, for built_at.
    Raises: ProjectError: a symbolic link leaves the tree, or a special file is inside.
    """
    found = _scan(tree.root)
    regular = {name: info for name, info in found.items() if stat.S_ISREG(info.st_mode)}
    known = digests(tree.root, regular, tree.root.parent / "digests.json")
    files = tuple(_entry(tree.root, name, found[name], known.get(name, "")) for name in sorted(found))
    digest = content_digest(files)
    revision, subject = revision_of(project.root)
    abi, platform = native_target(tree, regular)
    manifest = Manifest(
        app=app,
        revision=revision or digest,
        subject=subject,
        digest=digest,
        entry=tree.entry,
        node_request=project.node_request,
        node_abi=abi,
        platform=platform,
        built_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        files=files,
    )
    return Bundle(manifest, tree.root)


def content_digest(files: tuple[BundleFile, ...]) -> str:
    """SHA-256 over the sorted file list: path, content, mode and link of each; no times, no owners."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda f: f.path):
        digest.update(f"{file.path}\0{file.digest}\0{int(file.executable)}\0{file.link}\n".encode())
    return digest.hexdigest()


def _scan(root: Path, below: str = "") -> dict[str, os.stat_result]:
    found: dict[str, os.stat_result] = {}
    with os.scandir(root / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name in RECORDS and "node_modules" in name.split("/"):
                continue
            if entry.is_dir(follow_symlinks=False):
                found.update(_scan(root, name))
            else:
                found[name] = entry.stat(follow_symlinks=False)
    return found


def _entry(root: Path, name: str, info: os.stat_result, digest: str) -> BundleFile:
    if stat.S_ISLNK(info.st_mode):
        return BundleFile(name, link=_link(root, name))
    if not stat.S_ISREG(info.st_mode):
        raise ProjectError(f"{name} is neither a file nor a link", next="remove it from what the build makes")
    return BundleFile(name, digest, info.st_size, executable=bool(info.st_mode & stat.S_IXUSR))


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
