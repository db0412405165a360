"""Archives, of Node and of others: laid out as one tree, closed to everybody but root."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.vpsdeploy.node_versions import NodeError


def unpack(archive: Path, tree: Path) -> None:
    """Unpack without the archive's first directory.

    Raises: NodeError: a member would be written outside of the tree.
    """
    with tarfile.open(archive) as tar:
        # Debian 12's Python has no filters yet. The digest was verified: this is a second lock, not the first.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(tree, members=_members(tar))  # noqa: S202 - filtered where Python can, and by _members


def close(tree: Path) -> None:
    """Make everything root's, readable by all and writable by nobody else."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            os.chown(path, 0, 0)
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        _, _, rest = member.name.partition("/")
        if ".." in rest.split("/"):
            raise NodeError(f"the archive holds {member.name!r}, which leads outside: nothing was installed")
        if rest:
            member.name = rest
            yield member
