"""The CLI's rule for the entry file, for the shapes of nest-cli.json and tsconfig that occur."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.project.nest_cli import read_layout
from tests.unit.project.projects import lay

MONOREPO = {
    "sourceRoot": "apps/site/src",
    "root": "apps/site",
    "monorepo": True,
    "compilerOptions": {"tsConfigPath": "apps/site/tsconfig.app.json"},
    "projects": {
        "site": {"type": "application", "root": "apps/site", "sourceRoot": "apps/site/src",
                 "compilerOptions": {"tsConfigPath": "apps/site/tsconfig.app.json"}},
        "shop": {"type": "application", "root": "apps/shop", "entryFile": "server", "sourceRoot": "apps/shop/src",
                 "compilerOptions": {"tsConfigPath": "apps/shop/tsconfig.app.json"}},
        "common": {"type": "library", "root": "libs/common"},
    },
}  # fmt: skip

SHAPES: dict[str, tuple[dict[str, object], str, tuple[str, ...]]] = {
    "no files at all": ({}, "", ("dist/main.js", "dist/src/main.js")),
    "entryFile": ({"nest-cli.json": {"entryFile": "server"}}, "", ("dist/server.js", "dist/src/server.js")),
    "rootDir is src": (
        {
            "tsconfig.build.json": {
                "extends": "./tsconfig.json",
                "compilerOptions": {"rootDir": "./src"},
                "include": ["src"],
            },
            "tsconfig.json": {"compilerOptions": {"outDir": "./dist", "rootDir": "."}},
        },
        "",
        ("dist/main.js", "dist/src/main.js"),
    ),
    "rootDir is the project": (
        {"tsconfig.json": {"compilerOptions": {"rootDir": "."}}},
        "",
        ("dist/src/main.js", "dist/main.js"),
    ),
    "a .ts beside src": ({"seed.ts": ""}, "", ("dist/src/main.js", "dist/main.js")),
    "a .ts beside src that is not included": (
        {"vitest.config.ts": "", "tsconfig.json": {"include": ["./src/**/*"]}},
        "",
        ("dist/main.js", "dist/src/main.js"),
    ),
    "a directory beside src is included": (
        {"tsconfig.json": {"include": ["src", "scripts"]}},
        "",
        ("dist/src/main.js", "dist/main.js"),
    ),
    "swc writes flat": (
        {"nest-cli.json": {"compilerOptions": {"builder": {"type": "swc"}}}, "seed.ts": ""},
        "",
        ("dist/main.js", "dist/src/main.js"),
    ),
    "webpack switched on": (
        {"nest-cli.json": {"compilerOptions": {"webpack": True}}, "seed.ts": ""},
        "",
        ("dist/main.js", "dist/src/main.js"),
    ),
    "monorepo with tsc": (
        {
            "nest-cli.json": {**MONOREPO, "compilerOptions": {"builder": "tsc"}},
            "apps/shop/tsconfig.app.json": {
                "compilerOptions": {"outDir": "../../dist/apps/shop", "rootDir": "../.."}
            },
        },
        "shop",
        ("dist/apps/shop/apps/shop/src/server.js", "dist/apps/shop/server.js"),
    ),
    "comments and trailing commas": (
        {"tsconfig.json": '{ // out\n "compilerOptions": { /* x */ "outDir": "./build//x", }, }'},
        "",
        ("build/x/main.js", "build/x/src/main.js"),
    ),
    "outDir from extends": (
        {
            "tsconfig.build.json": {"extends": "./config/base"},
            "config/base.json": {"compilerOptions": {"outDir": "../out"}},
        },
        "",
        ("out/main.js", "out/src/main.js"),
    ),
    "a later extends wins": (
        {
            "tsconfig.json": {"extends": ["./a.json", "./b.json"]},
            "a.json": {"compilerOptions": {"outDir": "a"}},
            "b.json": {"compilerOptions": {"outDir": "b"}},
        },
        "",
        ("b/main.js", "b/src/main.js"),
    ),
    "monorepo, named project": (
        {
            "nest-cli.json": MONOREPO,
            "apps/shop/tsconfig.app.json": {"compilerOptions": {"outDir": "../../dist/apps/shop"}},
        },
        "shop",
        ("dist/apps/shop/server.js", "dist/apps/shop/apps/shop/src/server.js"),
    ),
    "monorepo, default project": (
        {
            "nest-cli.json": MONOREPO,
            "apps/site/tsconfig.app.json": {"compilerOptions": {"outDir": "../../dist/apps/site"}},
        },
        "",
        ("dist/apps/site/main.js", "dist/apps/site/apps/site/src/main.js"),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_entry_candidates_follow_the_rule_of_nest_start(tmp_path: Path, shape: str) -> None:
    """The candidates are outDir/sourceRoot/entryFile and outDir/entryFile, first what the build will make."""
    files, project, candidates = SHAPES[shape]
    assert read_layout(lay(tmp_path, files), project).entry_candidates == candidates


def test_libraries_are_not_applications(tmp_path: Path) -> None:
    """Only applications of a monorepo can be released."""
    assert read_layout(lay(tmp_path, {"nest-cli.json": MONOREPO}), "").applications == ("shop", "site")


def test_an_unknown_project_names_the_known_ones(tmp_path: Path) -> None:
    """A misspelt build.project is refused with the names that exist."""
    with pytest.raises(ProjectError, match="no project 'shpo'") as caught:
        read_layout(lay(tmp_path, {"nest-cli.json": MONOREPO}), "shpo")
    assert "common, shop, site" in caught.value.why


def test_a_circle_of_extends_is_an_error(tmp_path: Path) -> None:
    """tsconfig files that extend each other end in an error, not in a hang."""
    with pytest.raises(ProjectError, match="extends itself"):
        read_layout(lay(tmp_path, {"tsconfig.json": {"extends": "./tsconfig.json"}}), "")
