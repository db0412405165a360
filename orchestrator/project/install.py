"""Installed dependencies, kept by what they depend on: an unchanged lockfile installs nothing.

`<work>/<key>/tree` is a clean copy of the source with all dependencies, `<work>/<key>/app` what is shipped, with the
production dependencies only. The files of both are hard links of each other, so the second costs no space.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.project.node import Node
from orchestrator.project.package_json import read_package, table
from orchestrator.project.process import Log, run
from orchestrator.project.toolchain import Toolchain

KEPT_KEYS = 2
"""Dependency sets that are kept: the one in use and the one before (count)."""

MANAGER_FILES = (
    "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "yarn.lock", ".npmrc",
    ".yarnrc.yml", ".yarnrc", ".pnpmfile.cjs",
)  # fmt: skip
_FOLDERS = ("patches/", ".yarn/patches/", ".yarn/releases/", ".yarn/plugins/")
# What of a package.json decides about the installation: the rest may change without one.
_FIELDS = (
    "name", "version", "dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides",
    "resolutions", "pnpm", "workspaces", "packageManager", "allowScripts", "bundleDependencies",
)  # fmt: skip
_RECORDS = (".package-lock", ".modules", ".yarn-", ".pnpm-workspace")
_OWN_SCRIPTS = ("preinstall", "install", "postinstall")


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of one dependency set."""

    home: Path

    @property
    def tree(self) -> Path:
        """Source with all dependencies: where the build runs."""
        return self.home / "tree"

    @property
    def app(self) -> Path:
        """What is shipped."""
        return self.home / "app"

    @property
    def done(self) -> Path:
        """Exists when the installation was finished."""
        return self.home / "installed"


def dependency_key(source: Path, names: list[str], tools: Toolchain, node: Node) -> str:
    """Names one dependency set: everything that an installation reads."""
    digest = hashlib.sha256(f"{tools.name} {tools.version} {node.abi} {node.platform}".encode())
    for name in names:
        if name.endswith("package.json"):
            package = read_package((source / name).parent)
            digest.update(f"{name}{[package.get(field) for field in _FIELDS]}".encode())
            digest.update(str([table(package, "scripts").get(script) for script in _OWN_SCRIPTS]).encode())
        elif name.rpartition("/")[2] in MANAGER_FILES or name.startswith(_FOLDERS):
            digest.update(name.encode() + (source / name).read_bytes())
    return digest.hexdigest()[:16]


def install(places: Places, tools: Toolchain, log: Log) -> bool:
    """Install all dependencies into the tree unless that was done before; whether it had to.

    A project's own postinstall (a code generator, as a rule) reads its sources: it runs on every build.
    """
    own = table(read_package(places.tree), "scripts").get("postinstall")
    if places.done.is_file():
        if own:
            argv = [tools.name, "run", "postinstall"]
            run(argv, cwd=places.tree, env=tools.env, log=log, what="the project's postinstall failed")
            shutil.rmtree(places.app, ignore_errors=True)
        return False
    shutil.rmtree(places.app, ignore_errors=True)
    for stale in _module_dirs(places.tree):
        shutil.rmtree(places.tree / stale)
    run(tools.install(), cwd=places.tree, env=tools.env, log=log, what="the dependencies cannot be installed")
    places.done.touch()
    return True


def production(places: Places, tools: Toolchain, names: list[str], log: Log) -> None:
    """Make app/node_modules: a hard-linked copy of the tree's, pruned; kept until the dependencies change."""
    if places.app.is_dir():
        return
    partial = places.home / "app.partial"
    shutil.rmtree(partial, ignore_errors=True)
    for modules in _module_dirs(places.tree):
        shutil.copytree(places.tree / modules, partial / modules, symlinks=True, copy_function=_link)
    for name in names:
        if name.endswith("package.json") or name in MANAGER_FILES or name.startswith(_FOLDERS):
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(places.tree / name, partial / name)
    run(tools.prune(), cwd=partial, env=tools.env, log=log, what="development dependencies cannot be removed")
    partial.rename(places.app)


def forget_others(work: Path, places: Places) -> None:
    """Remove the dependency sets that have not been used for the longest time."""
    os.utime(places.home)
    homes = [home for home in work.iterdir() if (home / "tree").is_dir()]
    for stale in sorted(homes, key=lambda home: home.stat().st_mtime, reverse=True)[KEPT_KEYS:]:
        shutil.rmtree(stale)


def _link(origin: str, target: str) -> None:
    """Hard links, but copies of what a package manager rewrites in place: its own records."""
    path = Path(origin)
    is_record = path.name.startswith(_RECORDS) or (path.parent.name == ".pnpm" and path.name == "lock.yaml")
    if is_record:
        shutil.copy2(origin, target)
    else:
        os.link(origin, target, follow_symlinks=False)


def _module_dirs(tree: Path) -> Iterator[str]:
    for directory, names, _ in os.walk(tree):
        if "node_modules" in names:
            names.remove("node_modules")
            yield (Path(directory) / "node_modules").relative_to(tree).as_posix()
