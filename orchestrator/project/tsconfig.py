"""What a TypeScript configuration says about its output, through `extends`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError
from orchestrator.project.jsonc import read_jsonc

_MAX_DEPTH = 20


def out_dir(config: Path, root: Path) -> str:
    """The configuration's outDir relative to root; empty where none is set.

    A path in a configuration is relative to the file that it stands in.
    Source: TypeScript handbook, tsconfig `extends`.
    """
    found = _compiler_option(config, "outDir", _MAX_DEPTH)
    if found is None:
        return ""
    relative = os.path.relpath(found, root.resolve())
    return "" if relative.startswith("..") else Path(relative).as_posix()


def _compiler_option(config: Path, name: str, depth: int) -> Path | None:
    if depth == 0:
        raise ProjectError(f"{config}: extends itself", next="repair the extends of the tsconfig files")
    content = read_jsonc(config)
    options = content.get("compilerOptions")
    if isinstance(options, dict) and isinstance(options.get(name), str):
        value = options[name].replace("${configDir}", ".")
        return Path(os.path.normpath(config.resolve().parent / str(value)))
    for parent in reversed(_parents(content)):
        found = _compiler_option(_locate(config, parent), name, depth - 1)
        if found is not None:
            return found
    return None


def _parents(content: dict[str, Any]) -> list[str]:
    extends = content.get("extends", [])
    names = extends if isinstance(extends, list) else [extends]
    return [name for name in names if isinstance(name, str)]


def _locate(config: Path, name: str) -> Path:
    """The file that `extends` names; a package's configuration is looked up in node_modules where present."""
    base = (
        config.parent if name.startswith(".") or Path(name).is_absolute() else config.parent / "node_modules"
    )
    path = base / name
    return path if path.suffix == ".json" else path.with_name(path.name + ".json")
