"""NestJS projects made on the spot by the Nest CLI, in the shapes that people release."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

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


def generate(kind: str, into: Path) -> Path:
    """Make a project with its lockfile, without node_modules.

    Args:
        kind: A key of ENTRIES.
        into: An empty directory.
    Returns: The project's directory.
    """
    root = into / kind
    manager = "pnpm" if kind == "pnpm" else "npm"
    if kind == "commonjs":
        _run(into, *SCHEMATIC, f"--name={kind}", "--type=cjs", "--package-manager=npm", "--language=ts")
    else:
        _nest(into, "new", kind, "--skip-install", "--skip-git", "--package-manager", manager)
    if kind == "monorepo":
        _make_monorepo(root)
    if kind == "root-file":
        _add_root_file(root)
    _lock(root, manager)
    return root


def _make_monorepo(root: Path) -> None:
    """A second app turns the starter into a monorepo, which Nest 12 builds with rspack."""
    _nest(root, "generate", "app", "shop")
    needed = {
        "@rspack/core": "^1.0.0",
        "webpack-node-externals": "^3.0.0",
        "tsconfig-paths-webpack-plugin": "^4.0.0",
    }
    package = _read(root)
    package["devDependencies"] |= needed
    _write(root, package)


def _add_root_file(root: Path) -> None:
    """A .ts beside src moves the sources' common root up, and with it the entry."""
    (root / "seed.ts").write_text("export const seed = 1;\n", encoding="utf-8")
    path = root / "tsconfig.build.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.setdefault("compilerOptions", {})["rootDir"] = "."
    config["include"] = ["src", "seed.ts"]
    path.write_text(json.dumps(config), encoding="utf-8")


def _lock(root: Path, manager: str) -> None:
    """Resolve the lockfile; leave out what no build needs, so that the tests are quick."""
    package = _read(root)
    for name in (
        "@nestjs/mau",
        "oxlint",
        "oxlint-tsgolint",
        "prettier",
        "@vitest/coverage-v8",
        "jest",
        "ts-jest",
    ):
        package["devDependencies"].pop(name, None)
    if manager == "pnpm":
        package["packageManager"] = PNPM
    _write(root, package)
    if manager == "pnpm":
        _run(root, "npx", "--yes", PNPM, "install", "--lockfile-only")
    else:
        _run(root, "npm", "install", "--package-lock-only", "--no-audit", "--no-fund")


def _nest(cwd: Path, *arguments: str) -> None:
    _run(cwd, "npx", "--yes", CLI, *arguments)


def _run(cwd: Path, *argv: str) -> None:
    env = {**os.environ, "CI": "true"}
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


def _read(root: Path) -> dict[str, dict[str, str] | str]:
    return json.loads((root / "package.json").read_text(encoding="utf-8"))


def _write(root: Path, package: dict[str, dict[str, str] | str]) -> None:
    (root / "package.json").write_text(json.dumps(package, indent=2) + "\n", encoding="utf-8")
