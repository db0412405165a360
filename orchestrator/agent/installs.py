"""Dependencies that were installed on this host: a list of files for each, which are in the store like a bundle's."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent import durable, listing, releases
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.listing import Entry

DIRECTORY = ".vpsdeploy/install"
"""In a bundle: what an installation needs. No part of the app."""

_MODULES = "node_modules"
_RECORDS = frozenset({
    ".package-lock.json", ".modules.yaml", ".yarn-integrity", ".yarn-state.yml", ".pnpm-workspace-state.json",
    ".pnpm-workspace-state-v1.json", ".cache",
})  # fmt: skip
"""Package managers' own records: not read at run time, and not repeatable."""


def of(files: Path) -> Iterator[Entry]:
    """The entries of a bundle's list that an installation needs."""
    return (entry for entry in listing.read(files) if entry.path.startswith(f"{DIRECTORY}/"))


def key(files: Path, node: str) -> str:
    """Names one installation: all that it reads, and what it is for."""
    digest = hashlib.sha256(f"{node} {os.uname().machine}".encode())
    for entry in of(files):
        digest.update(f"\n{entry.path}\0{entry.stored}\0{entry.link}".encode())
    return digest.hexdigest()


def is_whole(app: AppLayout, name: str) -> bool:
    """Whether an installation is kept with all its files; what they hold is checked when a release is made of them."""
    kept = app.installed(name)
    return kept.is_file() and all(
        _length(app, e.stored) == e.size_bytes for e in listing.read(kept) if e.stored
    )


def _length(app: AppLayout, stored: str) -> int:
    try:
        return app.stored(stored).stat().st_size
    except FileNotFoundError:
        return -1


def modules(
    tree: Path, below: str = "", *, inside: bool = False
) -> Iterator[tuple[str, os.stat_result | None]]:
    """The files of a tree's node_modules directories in a list's order; for links nothing but the path."""
    with os.scandir(f"{tree}/{below}") as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        within = inside or entry.name == _MODULES
        if within and entry.name in _RECORDS:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from modules(tree, path, inside=within)
        elif within and entry.is_symlink():
            yield path, None
        elif within:
            yield path, _regular(path, entry.stat(follow_symlinks=False))


def forget_unused(app: AppLayout) -> None:
    """Remove the lists that no release was made with; their files go with the store's others."""
    made = (durable.read_json(app.release(name) / "release.json") or {} for name in releases.identifiers(app))
    used = {release.get("install") for release in made}
    for kept in app.installs.glob("*.files"):
        if kept.stem not in used:
            kept.unlink(missing_ok=True)


def _regular(path: str, status: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise ReleaseFailed(
            "the dependencies cannot be taken over", why=f"{path} is neither a file nor a link"
        )
    return status
