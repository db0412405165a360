"""Read a project's package.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError


def read_package(source: Path) -> dict[str, Any]:
    """The package.json of a project.

    Raises: ProjectError: none there, or not JSON.
    """
    path = source / "package.json"
    if not path.is_file():
        raise ProjectError(
            f"no package.json in {source}",
            why="a NestJS project has one beside its nest-cli.json",
            next="set source in vpsdeploy.yml, or run vpsdeploy with --project DIR",
        )
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProjectError(f"{path} is not JSON", why=str(error), next="repair the file") from error
    if not isinstance(package, dict):
        raise ProjectError(f"{path} is not a JSON object", next="repair the file")
    return package


def table(package: dict[str, Any], key: str) -> dict[str, Any]:
    """One object of package.json; empty where it is absent or something else."""
    value = package.get(key)
    return value if isinstance(value, dict) else {}


def dependencies(package: dict[str, Any]) -> dict[str, str]:
    """All direct dependencies with their ranges, development ones included."""
    sections = ("devDependencies", "optionalDependencies", "dependencies")
    return {name: str(range_) for section in sections for name, range_ in table(package, section).items()}
