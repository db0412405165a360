"""Look at a NestJS project: what it is, how it is built, and how each of that was found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError
from orchestrator.model.build import BuildSettings, Finding, ManagerName, Migrations, PackageManager, Project
from orchestrator.project.manager import detect_manager
from orchestrator.project.migrations import detect_migrations
from orchestrator.project.nest_cli import NestLayout, read_layout
from orchestrator.project.node_request import detect_node
from orchestrator.project.package_json import dependencies, read_package, table
from orchestrator.project.sources import has_shutdown_hooks, health_path, read_sources

# Packages of the field that compile or download a binary when they are installed.
NATIVE = (
    "argon2",
    "bcrypt",
    "better-sqlite3",
    "canvas",
    "sharp",
    "sqlite3",
    "@prisma/client",
    "re2",
    "zeromq",
)
_LOCKED_NEST = re.compile(r"@nestjs/core@(?:npm:)?(\d[^('\":,\s]*)")
_YARN_NEST = re.compile(r'^"?@nestjs/core@[^\n]*:\n\s+version:? "?([^"\n]+)', re.MULTILINE)
_NPM_NEST = re.compile(r'"node_modules/@nestjs/core":\s*\{\s*"version":\s*"([^"]+)"')
_PLAIN_NEST_BUILD = re.compile(r"(?:.*&&\s*)?nest build(?:\s+-[^&|;]*)?\s*")


def detect(source: Path, settings: BuildSettings) -> Project:
    """Everything that can be known about a project without running it.

    Args:
        source: The project's directory.
        settings: What vpsdeploy.yml says; it wins over what is found.
    Raises: ProjectError: no package.json, two lockfiles, an unknown project of the monorepo.
    """
    package = read_package(source)
    manager, manager_finding = detect_manager(source, package)
    layout = read_layout(source, settings.nest_project)
    node = detect_node(source, package, settings.node)
    version, version_source = _nest_version(source, package, manager)
    text = read_sources(source, (layout.source_root,))
    output = settings.output.strip("/") or layout.output
    command, command_source = _build_command(package, manager, layout, settings)
    candidates, entry_source = _entry_candidates(package, layout, output, settings)
    health = health_path(text)
    migrations = detect_migrations(source, package, layout.source_root, candidates[0], output)
    findings = (
        manager_finding, node,
        Finding("nest", version or "none", version_source),
        Finding("module", "ESM" if package.get("type") == "module" else "CommonJS", "package.json: type"),
        Finding("build", command or "none", command_source),
        Finding("entry", candidates[0], entry_source),
        Finding("health", health or "none", "controllers" if health else "no controller has a health route"),
        *_migrations_finding(migrations),
    )  # fmt: skip
    return Project(
        root=source,
        name=str(package.get("name") or source.resolve().name).rpartition("/")[2],
        manager=manager,
        nest_version=version,
        is_esm=package.get("type") == "module",
        nest_projects=layout.applications,
        build_command=command,
        output=output,
        source_roots=(layout.source_root,),
        entry_candidates=candidates,
        node_request=node.value,
        health_path=health,
        has_terminus="@nestjs/terminus" in dependencies(package),
        has_shutdown_hooks=has_shutdown_hooks(text),
        native_modules=tuple(name for name in NATIVE if name in dependencies(package)),
        node_range=str(table(package, "engines").get("node", "")),
        migrations=migrations,
        findings=findings,
    )


def _migrations_finding(found: Migrations | None) -> tuple[Finding, ...]:
    return (Finding("migrations", found.command, f"{found.tool}: {found.evidence}"),) if found else ()


def _nest_version(source: Path, package: dict[str, Any], manager: PackageManager) -> tuple[str, str]:
    if manager.lockfile:
        text = (source / manager.lockfile).read_text(encoding="utf-8", errors="replace")
        patterns = {
            ManagerName.NPM: _NPM_NEST, ManagerName.PNPM: _LOCKED_NEST, ManagerName.YARN: _YARN_NEST,
        }  # fmt: skip
        match = patterns[manager.name].search(text)
        if match:
            return match[1], manager.lockfile
    return dependencies(package).get("@nestjs/core", ""), "package.json: dependencies"


def _build_command(
    package: dict[str, Any], manager: PackageManager, layout: NestLayout, settings: BuildSettings
) -> tuple[str, str]:
    if settings.command:
        return settings.command, "vpsdeploy.yml: build.command"
    script = table(package, "scripts").get("build", "")
    if not script:
        return "", "package.json has no script named build"
    command = f"{manager.name} run build"
    if settings.nest_project and layout.applications and _PLAIN_NEST_BUILD.fullmatch(script):
        dashes = "-- " if manager.name is ManagerName.NPM else ""
        command += f" {dashes}{settings.nest_project}"
    return command, f"package.json: scripts.build ({script})"


def _entry_candidates(
    package: dict[str, Any], layout: NestLayout, output: str, settings: BuildSettings
) -> tuple[tuple[str, ...], str]:
    if settings.entry:
        return (settings.entry,), "vpsdeploy.yml: build.entry"
    moved = tuple(output + c.removeprefix(layout.output) for c in layout.entry_candidates)
    started = "" if settings.nest_project else _start_prod(package)
    inside = (started,) if started.startswith(output + "/") else ()
    ordered = tuple(dict.fromkeys((*moved, *inside)))
    _refuse_outside(ordered)
    return ordered, "the rule of nest start" + (", scripts.start:prod" if inside else "")


def _start_prod(package: dict[str, Any]) -> str:
    """The file of `node dist/main`, with the .js that templates leave out."""
    words = str(table(package, "scripts").get("start:prod", "")).split()
    paths = [w for w in words[1:] if not w.startswith("-") and "=" not in w] if "node" in words else []
    last = paths[-1].removeprefix("./") if paths else ""
    return last if not last or last.endswith((".js", ".mjs", ".cjs")) else last + ".js"


def _refuse_outside(paths: tuple[str, ...]) -> None:
    for path in paths:
        if path.startswith("/") or ".." in Path(path).parts:
            raise ProjectError(f"entry {path} is outside of the project", next="correct build.entry")
