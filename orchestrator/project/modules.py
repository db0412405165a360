"""node_modules directories of a tree: find them, tell whether they changed, link or copy them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

RECORDS = frozenset({
    ".package-lock.json", ".modules.yaml", ".yarn-integrity", ".yarn-state.yml", ".pnpm-workspace-state.json",
    ".pnpm-workspace-state-v1.json", ".cache", ".vite", ".vite-temp",
})  # fmt: skip
"""Package managers' records and build tools' caches: not read at run time, and not repeatable."""


def module_dirs(tree: Path) -> Iterator[str]:
    """The node_modules directories of a tree, relative; not those inside of others."""
    for directory, names, _ in os.walk(tree):
        names.sort()
        if "node_modules" in names:
            names.remove("node_modules")
            yield (Path(directory) / "node_modules").relative_to(tree).as_posix()


def fingerprint(tree: Path) -> str:
    """Differs after any file in node_modules was added, removed or written; no content is read."""
    digest = hashlib.sha256()
    for modules in module_dirs(tree):
        for path, info in _files(str(tree / modules)):
            digest.update(f"{path}\0{info.st_ino} {info.st_size} {info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def link_modules(tree: Path, target: Path) -> None:
    """A second tree of the same node_modules that a package manager may prune: it removes files, and replaces others.

    What it writes in place is copied, not linked: its records, and the .bin scripts that pnpm writes anew.
    """
    for modules in module_dirs(tree):
        shutil.copytree(tree / modules, target / modules, symlinks=True, copy_function=_link)


def copy_modules(tree: Path, target: Path) -> None:
    """A copy that shares nothing: whatever is written into one tree afterwards, the other one keeps its bits."""
    for modules in module_dirs(tree):
        shutil.copytree(tree / modules, target / modules, symlinks=True)


def _link(origin: str, target: str) -> None:
    path = Path(origin)
    if path.name in RECORDS or path.parent.name == ".bin" or path.parts[-2:] == (".pnpm", "lock.yaml"):
        shutil.copy2(origin, target, follow_symlinks=False)
    else:
        os.link(origin, target, follow_symlinks=False)


def _files(directory: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name in RECORDS:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            else:
                yield entry.path, entry.stat(follow_symlinks=False)
