"""Put a verified Node under /opt/node/vX.Y.Z, whole or not at all, beside the versions that are there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ansible.module_utils.vpsdeploy import node_archive
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version, parse, text

PACKAGE = "package"
"""File of a tree that was made of a Debian package: which one, as nodejs=20.19.2+dfsg-1+deb13u3."""


class Source(Protocol):
    """Where a Node comes from."""

    def versions(self) -> dict[str, str]:
        """Version to what the source needs to deliver it: an integrity, a package's version."""

    def deliver(self, version: Version, integrity: str, work: Path, tree: Path) -> None:
        """Lay the verified Node out as a tree with bin/node; `work` is a directory for what that takes."""


def installed(root: Path) -> list[str]:
    """The versions whose program is there and can be run, as 24.21.0."""
    return [
        path.name[1:]
        for path in root.glob("v*")
        if parse(path.name) and os.access(path / "bin/node", os.X_OK)
    ]


def package(root: Path, version: Version) -> str:
    """The Debian package that an installed version was made of; empty for the official binary."""
    try:
        return (root / f"v{text(version)}" / PACKAGE).read_text().strip()
    except FileNotFoundError:
        return ""


def install(
    root: Path, source: Source, version: Version, integrity: str, ready: Callable[[], None] = lambda: None
) -> None:
    """Have it delivered beside, try it, put it into place.

    Args:
        root: Where the versions are.
        source: Delivers it.
        version: Which one.
        integrity: What the source verifies it by.
        ready: Called before it is run for the first time: sees to the libraries that it needs.

    Raises: NodeError: what was delivered was refused, or does not run here.
    """
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    for leftover in root.glob(".partial-*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=root) as directory:
        work = Path(directory)
        tree = work / "tree"
        source.deliver(version, integrity, work, tree)
        node_archive.close(tree)
        # npm packages carry modes as their publisher had them.
        (tree / "bin/node").chmod(0o755)
        ready()
        _try(tree, version)
        # The file system of the tree, and no other: a sync of the whole machine waits for everybody's writes.
        subprocess.run(["sync", "-f", str(tree)], check=True)
        _put(tree, root / f"v{text(version)}")


def _put(tree: Path, target: Path) -> None:
    if os.access(target / "bin/node", os.X_OK):
        _renew(tree, target)
        return
    if target.exists():  # broken: `installed` did not count it
        shutil.rmtree(target)
    tree.rename(target)


def _renew(tree: Path, target: Path) -> None:
    """Replace a package's files by those of a newer revision of it, each at once, as dpkg itself does.

    There is no moment without a program, and what runs keeps its files. The package's name comes last: where
    this is cut off, the next run does it again.
    """
    files = [path.relative_to(tree) for path in sorted(tree.rglob("*")) if not path.is_dir()]
    for name in sorted(files, key=lambda path: (path.name == PACKAGE, path.parts[0] == "bin")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).replace(target / name)


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
