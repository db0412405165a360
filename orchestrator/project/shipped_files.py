"""Which files of a built tree are shipped.

Shipped: the output, package.json, production node_modules (with the workspace packages that it links to), the
folders below where they exist, and build.include. Never: sources, .env files, the package manager's own records.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.model.build import Project

RUNTIME_FOLDERS = (
    "public", "static", "assets", "views", "templates", "i18n", "locales", "prisma", "drizzle", "migrations", "proto",
)  # fmt: skip
"""Folders that an app reads at run time, by the names that NestJS recipes give them."""

RUNTIME_FILES = ("package.json", "prisma.config.ts", "schema.gql")


def lay_out(tree: Path, app: Path, project: Project, include: Iterable[str], entry: str) -> None:
    """Make app hold exactly what is shipped; its node_modules are there already.

    Args:
        tree: The built tree.
        app: Where to.
        project: As detected.
        include: build.include: paths or globs relative to the project.
        entry: Entry file; shipped even where it is outside of the output.
    """
    wanted = [n for n in (project.output, entry, *RUNTIME_FILES, *RUNTIME_FOLDERS) if (tree / n).exists()]
    wanted += [
        *_included(tree, project.root, include),
        *_workspaces(app if (app / "node_modules").is_dir() else tree),
    ]
    for stale in app.iterdir():
        if stale.name != "node_modules":
            _remove(stale)
    for name in dict.fromkeys(wanted):
        _ship(tree if (tree / name).exists() else project.root, app, name)


def _ship(origin: Path, app: Path, name: str) -> None:
    source, target = origin / name, app / name
    if not source.resolve().is_relative_to(origin.resolve()):
        raise ProjectError(
            f"the link {name} leaves the project",
            why=f"it leads to {source.resolve()}, which no host has",
            next="replace the link by the files, or leave them out of build.include",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=_not_shipped)
    else:
        shutil.copy2(source, target)


def _not_shipped(_: str, names: list[str]) -> list[str]:
    return [
        n
        for n in names
        if n in ("node_modules", ".env") or n.startswith(".env.") or n.endswith(".tsbuildinfo")
    ]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _included(tree: Path, source: Path, include: Iterable[str]) -> list[str]:
    """build.include resolved: in the built tree first, then in the user's own (a file that Git ignores)."""
    found = []
    for pattern in include:
        bases = [base for base in (tree, source) if any(base.glob(pattern))]
        if not bases:
            raise ProjectError(
                f"build.include: nothing matches {pattern!r}",
                why=f"looked in {source}",
                next="correct build.include in vpsdeploy.yml",
            )
        found += [path.relative_to(bases[0]).as_posix() for path in sorted(bases[0].glob(pattern))]
    for name in found:
        if _not_shipped("", [Path(name).name]):
            raise ProjectError(
                f"build.include: {name} is never shipped",
                why="everybody on a host may read a release, and node_modules and build records are made by the build",
                next="take it out of build.include; variables belong into env in vpsdeploy.yml",
            )
    return found


def _workspaces(app: Path) -> list[str]:
    """Packages of the same repository that node_modules links to."""
    modules = app / "node_modules"
    links = (
        [p for p in (*modules.glob("*"), *modules.glob("@*/*")) if p.is_symlink()] if modules.is_dir() else []
    )
    targets = (Path(os.path.normpath(link.parent / link.readlink())) for link in links)
    inside = (t.relative_to(app) for t in targets if t.is_relative_to(app) and not t.is_relative_to(modules))
    return sorted(path.as_posix() for path in inside)
