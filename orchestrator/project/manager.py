"""Which package manager a project uses, in which version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError
from orchestrator.model.build import Finding, ManagerName, PackageManager
from orchestrator.project.package_json import table

LOCKFILES = {
    "package-lock.json": ManagerName.NPM,
    "npm-shrinkwrap.json": ManagerName.NPM,
    "pnpm-lock.yaml": ManagerName.PNPM,
    "yarn.lock": ManagerName.YARN,
}
_PINNED = re.compile(r"^(npm|pnpm|yarn)@(\d+\.\d+\.\d+[^+]*)")
_EXACT = re.compile(r"^\d+\.\d+\.\d+[\w.-]*$")
# Each lockfile's format is read by these lines of its manager (pnpm: docs, lockfileVersion).
_READS_LOCKFILE = {"9.0": "10", "6.0": "8", "6.1": "8"}


def detect_manager(source: Path, package: dict[str, Any]) -> tuple[PackageManager, Finding]:
    """The package manager: packageManager, then devEngines.packageManager, then the lockfile.

    Raises: ProjectError: two managers' lockfiles, or a manager that is not known.
    """
    locks = [name for name in LOCKFILES if (source / name).is_file()]
    stated, where = _stated(package)
    if len({LOCKFILES[name] for name in locks}) > 1:
        raise ProjectError(
            f"two lockfiles: {' and '.join(locks)}",
            why="only one of them can say what is installed",
            next=f"delete the one that is not kept up to date{f' ({stated[0]} is configured)' if stated else ''}",
        )
    if stated:
        return _from_statement(*stated, locks, where)
    if not locks:
        return PackageManager(ManagerName.NPM, "", ""), Finding("manager", "npm", "default: no lockfile")
    name = LOCKFILES[locks[0]]
    version = _version_for(source / locks[0], name)
    found = Finding("manager", f"{name} {version}".strip(), locks[0])
    return PackageManager(name, version, locks[0]), found


def _stated(package: dict[str, Any]) -> tuple[tuple[str, str] | None, str]:
    text = package.get("packageManager")
    if isinstance(text, str):
        match = _PINNED.match(text)
        if not match:
            raise ProjectError(
                f"package.json: packageManager is {text!r}",
                why="allowed: npm@x.y.z, pnpm@x.y.z or yarn@x.y.z",
                next="correct packageManager, or remove it",
            )
        return (match[1], match[2]), "package.json: packageManager"
    engine = table(package, "devEngines").get("packageManager")
    first = engine[0] if isinstance(engine, list) and engine else engine
    if isinstance(first, dict) and first.get("name") in set(ManagerName):
        version = str(first.get("version", ""))
        exact = version if _EXACT.match(version) else "".join(re.findall(r"\d+", version)[:1])
        return (first["name"], exact), "package.json: devEngines.packageManager"
    return None, ""


def _from_statement(name: str, version: str, locks: list[str], where: str) -> tuple[PackageManager, Finding]:
    manager = ManagerName(name)
    if locks and LOCKFILES[locks[0]] != manager:
        raise ProjectError(
            f"{where} names {name}, the lockfile is {locks[0]}",
            why="the lockfile must be written by the package manager that installs",
            next=f"run {name} install and commit its lockfile, or correct {where.split(': ')[1]}",
        )
    lock = locks[0] if locks else ""
    return PackageManager(manager, version, lock), Finding("manager", f"{name} {version}".strip(), where)


def _version_for(lock: Path, name: ManagerName) -> str:
    """A major that reads this lockfile; empty: the machine's own npm does."""
    if name is ManagerName.NPM:
        return ""
    head = lock.read_text(encoding="utf-8", errors="replace")[:2000]
    if name is ManagerName.YARN:
        return "1" if "yarn lockfile v1" in head else "4"
    match = re.search(r"lockfileVersion: '?([\d.]+)", head)
    return _READS_LOCKFILE.get(match[1] if match else "", "10")
