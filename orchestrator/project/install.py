"""Installed dependencies, kept by what they depend on: an unchanged lockfile installs nothing.

`<work>/<key>/tree` is a clean copy of the source with all dependencies, `<work>/<key>/app` what is shipped, with the
production dependencies only. They share no file: what a build writes into its node_modules cannot alter the other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.project.modules import copy_modules, fingerprint, link_modules, module_dirs
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
    def bare(self) -> Path:
        """What is shipped where the hosts install the dependencies."""
        return self.home / "bare"

    @property
    def done(self) -> Path:
        """Exists when the installation was finished."""
        return self.home / "installed"

    @property
    def made_from(self) -> Path:
        """The state of tree/node_modules that app was made from; written when app is whole."""
        return self.home / "app.made-from"


def read_by_installation(names: list[str]) -> list[str]:
    """Of the source's files those that an installation reads."""
    return [
        name
        for name in names
        if name.endswith("package.json")
        or name.rpartition("/")[2] in MANAGER_FILES
        or name.startswith(_FOLDERS)
    ]


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
        return False
    for stale in list(module_dirs(places.tree)):
        shutil.rmtree(places.tree / stale)
    run(tools.install(), cwd=places.tree, env=tools.env, log=log, what="the dependencies cannot be installed")
    places.done.touch()
    return True


def production(places: Places, tools: Toolchain, names: list[str], log: Log) -> None:
    """Make app/node_modules: the tree's, pruned; kept until an installation or a build writes into the tree's.

    A build may do so (`prisma generate`), and what it writes belongs into the release.
    """
    state = fingerprint(places.tree)
    if places.app.is_dir() and _text(places.made_from) == state:
        return
    pruned, partial = places.home / "pruned", places.home / "app.partial"
    for stale in (pruned, partial, places.app):
        shutil.rmtree(stale, ignore_errors=True)
    link_modules(places.tree, pruned)
    for name in read_by_installation(names):
        (pruned / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(places.tree / name, pruned / name)
    run(tools.prune(), cwd=pruned, env=tools.env, log=log, what="development dependencies cannot be removed")
    partial.mkdir()
    copy_modules(pruned, partial)
    shutil.rmtree(pruned)
    partial.rename(places.app)
    places.made_from.write_text(state, encoding="utf-8")


def forget_others(work: Path, places: Places) -> None:
    """Remove the dependency sets that have not been used for the longest time."""
    os.utime(places.home)
    homes = [home for home in work.iterdir() if home.is_dir()]
    for stale in sorted(homes, key=lambda home: home.stat().st_mtime, reverse=True)[KEPT_KEYS:]:
        for mark in (Places(stale).done, Places(stale).made_from):
            mark.unlink(missing_ok=True)  # first: a removal that is killed half-way must not be trusted later
        shutil.rmtree(stale)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
