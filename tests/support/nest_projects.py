"""NestJS projects made on the spot by the Nest CLI, in the shapes that people release, and their bundles."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.model.build import BuildSettings, BuiltTree
from orchestrator.model.bundle import Bundle
from orchestrator.project.archive import write
from orchestrator.project.build import build
from orchestrator.project.bundle import make_bundle
from orchestrator.project.detect import detect

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello-nest"
_INSTALL_SECONDS = 600

CLI = "@nestjs/cli@12"
SCHEMATIC = (
    "npx", "--yes", "-p", "@nestjs/schematics@12", "-p", "@angular-devkit/schematics-cli@22", "--",
    "schematics", "@nestjs/schematics:application",
)  # fmt: skip
"""What `nest new` runs: only its question, never an option of the CLI, chooses CommonJS."""

PNPM = "pnpm@10.12.1"
"""A version that runs on every Node that Nest 12 runs on."""

ENTRIES = {
    "starter": "dist/main.js",
    "monorepo": "dist/apps/shop/main.js",
    "root-file": "dist/src/main.js",
    "pnpm": "dist/main.js",
    "commonjs": "dist/main.js",
}
"""The kinds that generate() knows, each with the entry file that its build makes."""

_NEEDED = (
    "@nestjs/cli", "@nestjs/schematics", "@types/express", "@types/node", "ts-loader", "tsconfig-paths", "typescript",
)  # fmt: skip
"""Development dependencies that a build uses; the linters and test runners are half of the installation."""

_RSPACK = {
    "@rspack/core": "^1.0.0",
    "webpack-node-externals": "^3.0.0",
    "tsconfig-paths-webpack-plugin": "^4.0.0",
}
"""What Nest 12 asks to be added by hand before it builds a monorepo."""


@dataclass(frozen=True)
class BuiltProject:
    """A generated project after its first build.

    Attributes:
        source: The project's directory, as its developer has it.
        tree: As built.
        bundle: Of the tree.
        file: The bundle file.
    """

    source: Path
    settings: BuildSettings
    tree: BuiltTree
    bundle: Bundle
    file: Path


class GeneratedProjects:
    """Generates and builds each kind once; the end-to-end tests of one session share it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._built: dict[str, BuiltProject] = {}

    def built(self, kind: str) -> BuiltProject:
        """The project, built as app "shop-<kind>"."""
        if kind not in self._built:
            self._built[kind] = _build(kind, generate(kind, self._directory))
        return self._built[kind]


def build_again(project: BuiltProject, app: str) -> tuple[BuiltTree, Bundle]:
    """Build what is in the source now."""
    detected = detect(project.source, project.settings)
    tree = build(detected, project.settings, project.source / ".vpsdeploy" / "build", print)
    return tree, make_bundle(app, detected, tree, datetime.now(UTC))


def generate(kind: str, into: Path) -> Path:
    """Make a project with its lockfile, without node_modules.

    Args:
        kind: A key of ENTRIES.
        into: A directory without such a project.
    Returns: The project's directory.
    """
    root = into / kind
    manager = "pnpm" if kind == "pnpm" else "npm"
    if kind == "commonjs":
        _run(into, *SCHEMATIC, f"--name={kind}", "--type=cjs", "--package-manager=npm", "--language=ts")
    else:
        _nest(into, "new", kind, "--skip-install", "--skip-git", "--package-manager", manager)
    if kind == "monorepo":
        _nest(root, "generate", "app", "shop")
    if kind == "root-file":
        _add_root_file(root)
    _keep_what_a_build_needs(root, _RSPACK if kind == "monorepo" else {})
    _lock(root, manager)
    return root


def _build(kind: str, source: Path) -> BuiltProject:
    settings = BuildSettings(nest_project="shop" if kind == "monorepo" else "")
    detected = detect(source, settings)
    tree = build(detected, settings, source / ".vpsdeploy" / "build", print)
    bundle = make_bundle(f"shop-{kind}", detected, tree, datetime.now(UTC))
    file = source.with_name(f"{kind}.bundle")
    write(bundle, file)
    return BuiltProject(source, settings, tree, bundle, file)


def _add_root_file(root: Path) -> None:
    """A .ts beside src moves the sources' common root up, and with it the entry."""
    (root / "seed.ts").write_text("export const seed = 1;\n", encoding="utf-8")
    config = _read(root / "tsconfig.build.json")
    config["compilerOptions"]["rootDir"] = "."
    config["include"] = ["src", "seed.ts"]
    _write(root / "tsconfig.build.json", config)


def _keep_what_a_build_needs(root: Path, more: dict[str, str]) -> None:
    """Leave out linters and test runners; everything that decides about the build is as the CLI wrote it."""
    package = _read(root / "package.json")
    kept = {name: wanted for name, wanted in package["devDependencies"].items() if name in _NEEDED}
    package["devDependencies"] = kept | more
    _write(root / "package.json", package)
    config = _read(root / "tsconfig.json")
    config["compilerOptions"]["types"] = ["node"]  # the runners' global types went with them
    _write(root / "tsconfig.json", config)


def _lock(root: Path, manager: str) -> None:
    if manager == "pnpm":
        _write(root / "package.json", {**_read(root / "package.json"), "packageManager": PNPM})
        _run(root, "npx", "--yes", PNPM, "install", "--lockfile-only")
    else:
        _run(root, "npm", "install", "--package-lock-only", "--no-audit", "--no-fund")


def _nest(cwd: Path, *arguments: str) -> None:
    _run(cwd, "npx", "--yes", CLI, *arguments)


def _run(cwd: Path, *argv: str) -> None:
    env = {**os.environ, "CI": "true", "npm_config_prefer_offline": "true"}
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{argv}: {done.stdout[-3000:]}{done.stderr[-3000:]}"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def example(
    path: Path, packages: Sequence[str], sources: Mapping[str, str], *, is_installed: bool = True
) -> None:
    """The repository's own example, with further packages and other sources.

    Args:
        path: Where to.
        packages: For `npm install`.
        sources: By their paths.
        is_installed: Whether node_modules is there, too; a build installs from the lockfile all the same.
    """
    left_out = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "inventories")
    shutil.copytree(_EXAMPLE, path, ignore=left_out)
    npm = ["npm", "install", "--save", *packages, "--ignore-scripts", "--no-audit", "--no-fund"]
    npm += [] if is_installed else ["--package-lock-only"]
    subprocess.run(npm, cwd=path, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    for name, text in sources.items():
        (path / name).write_text(text)
