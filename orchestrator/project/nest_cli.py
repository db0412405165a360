"""nest-cli.json: the projects of a repository and the CLI's own rule for the entry file.

Source: nestjs/nest-cli actions/start.action.ts, lib/configuration/defaults.ts: `nest start` runs
join(outDir, sourceRoot, entryFile).js where it exists, else join(outDir, entryFile).js.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError
from orchestrator.project.jsonc import read_jsonc
from orchestrator.project.tsconfig import out_dir, root_dir

DEFAULT_OUTPUT = "dist"

_FLATTENING = ("webpack", "rspack", "swc")
"""Builders that write the entry straight into the output: a bundle, or (swc) paths without their first directory."""


@dataclass(frozen=True, slots=True)
class NestLayout:
    """Where one Nest project has its sources and puts its output; all paths relative to the repository.

    Attributes:
        applications: Names of the applications of a monorepo; empty for a single app.
        source_root: For example src or apps/shop/src.
        output: For example dist or dist/apps/shop.
        entry_candidates: By the CLI's rule; first the one that the builder and the tsconfig let expect.
    """

    applications: tuple[str, ...]
    source_root: str
    output: str
    entry_candidates: tuple[str, ...]


def read_layout(root: Path, project: str) -> NestLayout:
    """Apply the CLI's defaults to nest-cli.json.

    Args:
        root: The repository.
        project: Name of a project in a monorepo; empty for the one at the top level.
    Raises: ProjectError: there is no project of that name.
    """
    config = read_jsonc(root / "nest-cli.json")
    applications = _applications(config)
    own = _project(config, project)
    source_root = _first(own, config, "sourceRoot", "src")
    entry = _first(own, config, "entryFile", "main")
    tsconfig = root / _tsconfig(root, own, config)
    output = out_dir(tsconfig, root) or DEFAULT_OUTPUT
    deep, flat = f"{output}/{source_root}/{entry}.js", f"{output}/{entry}.js"
    is_flat = _builder(own, config) in _FLATTENING or root_dir(tsconfig, root, source_root) == source_root
    return NestLayout(applications, source_root, output, (flat, deep) if is_flat else (deep, flat))


def _builder(own: dict[str, Any], config: dict[str, Any]) -> str:
    """The project's builder; a monorepo is bundled where nothing else is said."""
    for place in (own, config):
        options = place.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        builder = options.get("builder")
        named = builder.get("type") if isinstance(builder, dict) else builder
        if isinstance(named, str):
            return named
        if isinstance(options.get("webpack"), bool):
            return "webpack" if options["webpack"] else "tsc"
    return "rspack" if config.get("monorepo") is True else "tsc"


def _applications(config: dict[str, Any]) -> tuple[str, ...]:
    projects = config.get("projects")
    items = projects.items() if isinstance(projects, dict) else ()
    return tuple(
        sorted(n for n, p in items if isinstance(p, dict) and p.get("type", "application") == "application")
    )


def _project(config: dict[str, Any], name: str) -> dict[str, Any]:
    projects = config.get("projects")
    known = projects if isinstance(projects, dict) else {}
    if name and name not in known:
        raise ProjectError(
            f"no project {name!r} in nest-cli.json",
            why=f"its projects: {', '.join(sorted(known)) or 'none'}",
            next="set build.project in vpsdeploy.yml to one of them",
        )
    own = known.get(name) if name else _default_project(config, known)
    return own if isinstance(own, dict) else {}


def _default_project(config: dict[str, Any], known: dict[str, Any]) -> Any:
    """The monorepo's top level names its default application by the same root."""
    return next(
        (p for p in known.values() if isinstance(p, dict) and p.get("root") == config.get("root")), {}
    )


def _first(own: dict[str, Any], config: dict[str, Any], key: str, default: str) -> str:
    for place in (own, config):
        if isinstance(place.get(key), str):
            return str(place[key]).strip("/")
    return default


def _tsconfig(root: Path, own: dict[str, Any], config: dict[str, Any]) -> str:
    for place in (own, config):
        options = place.get("compilerOptions")
        if isinstance(options, dict) and isinstance(options.get("tsConfigPath"), str):
            return str(options["tsConfigPath"])
    return "tsconfig.build.json" if (root / "tsconfig.build.json").is_file() else "tsconfig.json"
