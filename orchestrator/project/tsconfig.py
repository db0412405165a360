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
    return _inside(_compiler_option(config, "outDir", _MAX_DEPTH), root)


def root_dir(config: Path, root: Path, source_root: str) -> str:
    """The directory below which tsc keeps the paths of what it writes, relative to root ("." is root itself).

    Without rootDir it is the longest path that all sources share: source_root, unless some lie beside it.
    """
    found = _compiler_option(config, "rootDir", _MAX_DEPTH)
    if found is not None:
        return _inside(found, root) or source_root
    included = read_jsonc(config).get("include")
    if isinstance(included, list):
        beside = any(not str(name).removeprefix("./").startswith(source_root) for name in included)
    else:
        beside = any(not file.name.endswith(".d.ts") for file in root.glob("*.ts"))
    return "." if beside else source_root


def _inside(path: Path | None, root: Path) -> str:
    relative = os.path.relpath(path, root.resolve()) if path else ".."
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
