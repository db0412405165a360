"""What stops a build before it starts, and what is worth a warning."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.model.build import ManagerName, Migrations, Project
from orchestrator.project.node import Node
from orchestrator.project.semver_range import satisfies

# A NestJS app below 12 is CommonJS; from 12 on it needs require(esm). Source: nestjs/nest release v12.0.0.
_NEST_WITH_ESM = 12


def check_project(project: Project, node: Node) -> None:
    """Refuse what cannot be built or run.

    Raises: ProjectError: says what to change.
    """
    for check in (_is_nest, _has_build, _has_lockfile, _has_node_modules_linker):
        check(project)
    _fits_nest(project, node)


def warnings(
    project: Project, node: Node, *, health_is_set: bool = False, migrate_is_set: bool = True
) -> tuple[str, ...]:
    """What works, but will surprise: one sentence each, with what to do.

    Args:
        project: As detected.
        node: The controller's.
        health_is_set: Whether vpsdeploy.yml names the health path.
        migrate_is_set: Whether vpsdeploy.yml says how the database is migrated, or that nothing is to be done.
    """
    found = []
    if not project.has_shutdown_hooks:
        found.append(
            "main.ts does not call app.enableShutdownHooks(): on SIGTERM Node ends at once, open work is lost"
        )
    if not project.health_path and not health_is_set:
        found.append("no controller has a health route: add GET /health, or set health.path in vpsdeploy.yml")
    if project.migrations and not migrate_is_set:
        found.append(_unasked(project.migrations))
    found += [
        f"{name} is in Git: secrets in it are in every clone; vpsdeploy env import {name}, then "
        f"git rm --cached {name}, and make the values new"
        for name in committed_env_files(project.root)
    ]
    return (*found, *_node_warnings(project, node))


def _unasked(migrations: Migrations) -> str:
    """Migrations that no release runs."""
    missing = (
        "" if migrations.is_shipped else f"; move {migrations.package} from devDependencies to dependencies"
    )
    if migrations.include:
        missing += f"; add {', '.join(migrations.include)} to build.include"
    return (
        f"{migrations.tool} has migrations ({migrations.evidence}), and no release runs them: write "
        f"migrate: {{command: {migrations.command}}} into vpsdeploy.yml{missing}. "
        "If you migrate by other means, write migrate: {}"
    )


def _node_warnings(project: Project, node: Node) -> list[str]:
    if not satisfies(node.numbers, project.node_range):
        return [
            f"this machine builds with Node {node.version}, but package.json asks for {project.node_range} "
            "(engines.node): install such a Node here"
        ]
    major = project.node_request.split(".")[0]
    if major.isdigit() and int(major) != node.numbers[0]:
        return [f"this machine builds with Node {node.version}, the hosts run {project.node_request}"]
    return []


def committed_env_files(root: Path) -> tuple[str, ...]:
    """The .env files that Git tracks, examples left out."""
    try:
        answer = subprocess.run(
            ["git", "ls-files", "-z", "--", ".env", ".env.*", "**/.env"],
            cwd=root, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return ()
    names = [name for name in answer.stdout.split("\0") if name]
    return tuple(n for n in names if not n.endswith((".example", ".sample", ".template", ".dist")))


def _is_nest(project: Project) -> None:
    if not project.nest_version:
        raise ProjectError(
            f"{project.root} is not a NestJS project",
            why="package.json does not depend on @nestjs/core",
            next="set source in vpsdeploy.yml to the project's directory",
        )


def _has_build(project: Project) -> None:
    if not project.build_command:
        raise ProjectError(
            "no build script",
            why="package.json has no script named build",
            next='add "build": "nest build" to its scripts, or set build.command in vpsdeploy.yml',
        )


def _has_lockfile(project: Project) -> None:
    if not project.manager.lockfile:
        raise ProjectError(
            "no lockfile",
            why="without package-lock.json, pnpm-lock.yaml or yarn.lock two builds install different versions",
            next=f"run {project.manager.name} install and commit the lockfile that it writes",
        )


def _has_node_modules_linker(project: Project) -> None:
    if project.manager.name is not ManagerName.YARN:
        return
    rc = project.root / ".yarnrc.yml"
    is_pnp = (project.root / ".pnp.cjs").is_file()
    text = rc.read_text(encoding="utf-8") if rc.is_file() else ""
    linker = re.search(r"^nodeLinker:\s*['\"]?([\w-]+)", text, re.MULTILINE)
    is_berry = project.manager.version.split(".")[0] not in ("", "1")
    if is_pnp or (is_berry and (linker is None or linker[1] != "node-modules")):
        raise ProjectError(
            "Yarn installs without node_modules (PnP)",
            why="node on the host resolves packages from node_modules",
            next="write `nodeLinker: node-modules` into .yarnrc.yml and run yarn install",
        )


def _fits_nest(project: Project, node: Node) -> None:
    major = re.search(r"\d+", project.nest_version)
    if major is None or int(major[0]) < _NEST_WITH_ESM:
        return
    for numbers, where in ((node.numbers, "this machine"), (_requested(project), "the hosts (node)")):
        if numbers and not has_require_esm(numbers):
            raise ProjectError(
                f"NestJS {project.nest_version} needs a newer Node",
                why=f"{where}: Node {'.'.join(map(str, numbers))}; needed: 20.19, 22.12 or newer",
                next="install a newer Node on this machine" if where == "this machine" else "set node: lts",
            )


def has_require_esm(numbers: tuple[int, ...]) -> bool:
    """Whether this Node can require() an ES module; a major alone means its newest version."""
    if len(numbers) == 1:
        return numbers[0] >= 20
    return (20, 19) <= numbers < (21,) or numbers >= (22, 12)


def _requested(project: Project) -> tuple[int, ...]:
    parts = project.node_request.split(".")
    return tuple(int(part) for part in parts) if parts[0].isdigit() else ()
