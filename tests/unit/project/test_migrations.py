"""Which migration tool a project has, and what people are told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import document, starter
from orchestrator.config.loader import check
from orchestrator.model.build import BuildSettings, Migrations, Project
from orchestrator.project.checks import warnings
from orchestrator.project.detect import detect
from orchestrator.project.node import Node
from tests.unit.project.projects import PACKAGE, lay

NODE = Node("24.21.0", 137, "linux-x64")
PRISMA = {"prisma/migrations/1_init/migration.sql": "CREATE TABLE a (id INT)", "prisma/schema.prisma": ""}
TYPEORM = {
    "src/db/data-source.ts": "export default new DataSource({ type: 'postgres' });",
    "src/db/migrations/1-Init.ts": "export class Init implements MigrationInterface {}",
}
SEQUELIZE = {".sequelizerc": "", "migrations/1-init.js": "", "config/config.js": ""}


def project(
    root: Path, files: dict[str, Any], *, main: tuple[str, ...] = (), dev: tuple[str, ...] = ()
) -> Project:
    """A Nest project that depends on some packages."""
    package = {
        **PACKAGE,
        "dependencies": {"@nestjs/core": "^12.0.0", **dict.fromkeys(main, "^1.0.0")},
        "devDependencies": dict.fromkeys(dev, "^1.0.0"),
    }
    return detect(lay(root, {"package.json": package, "package-lock.json": "{}", **files}), BuildSettings())


@pytest.mark.parametrize(
    ("files", "main", "dev", "found"),
    [
        (PRISMA, ("@prisma/client",), ("prisma",),
         Migrations("Prisma", "prisma migrate deploy", "prisma", "prisma/migrations", False)),
        (PRISMA, ("@prisma/client", "prisma"), (),
         Migrations("Prisma", "prisma migrate deploy", "prisma", "prisma/migrations", True)),
        (TYPEORM, ("typeorm",), (),
         Migrations("TypeORM", "typeorm migration:run -d dist/db/data-source.js", "typeorm", "src/db/migrations",
                    True)),
        ({"src/mikro-orm.config.ts": ""}, ("@mikro-orm/core", "@mikro-orm/migrations"), ("@mikro-orm/cli",),
         Migrations("MikroORM", "mikro-orm migration:up --config dist/mikro-orm.config.js", "@mikro-orm/cli",
                    "src/mikro-orm.config.ts", False)),
        (SEQUELIZE, ("sequelize",), ("sequelize-cli",),
         Migrations("Sequelize", "sequelize-cli db:migrate", "sequelize-cli", ".sequelizerc", False,
                    (".sequelizerc", "config"))),
    ],
    ids=["prisma", "prisma shipped", "typeorm", "mikro-orm", "sequelize"],
)  # fmt: skip
def test_each_tool_is_found(
    tmp_path: Path, files: dict[str, Any], main: tuple[str, ...], dev: tuple[str, ...], found: Migrations
) -> None:
    """By its package and by what it migrates: the command is one that runs on compiled code."""
    made = project(tmp_path, files, main=main, dev=dev)
    assert made.migrations == found
    assert [f.value for f in made.findings if f.key == "migrations"] == [found.command]


@pytest.mark.parametrize(
    ("files", "main"),
    [
        (PRISMA, ()),
        ({"prisma/schema.prisma": ""}, ("@prisma/client",)),
        ({"src/data-source.ts": "new DataSource({})"}, ("typeorm",)),
        ({"src/mikro-orm.config.ts": ""}, ("@mikro-orm/core",)),
        ({"migrations/1.js": ""}, ("sequelize",)),
    ],
    ids=["no package", "no migrations", "no migration class", "no migrator", "no CLI"],
)
def test_a_tool_without_migrations_is_none(
    tmp_path: Path, files: dict[str, Any], main: tuple[str, ...]
) -> None:
    """Nobody is told to run what is not there."""
    assert project(tmp_path, files, main=main).migrations is None


def test_a_data_source_that_the_build_moves_is_named_where_it_lands(tmp_path: Path) -> None:
    """With rootDir "." the output keeps the directory src."""
    files = {**TYPEORM, "tsconfig.json": {"compilerOptions": {"outDir": "dist", "rootDir": "."}}}
    made = project(tmp_path, files, main=("typeorm",))
    assert made.migrations is not None
    assert made.migrations.command == "typeorm migration:run -d dist/src/db/data-source.js"


def test_who_says_nothing_is_told(tmp_path: Path) -> None:
    """What to write, and that a development dependency is not shipped; who has spoken is left alone."""
    made = project(tmp_path, PRISMA, main=("@prisma/client",), dev=("prisma",))
    (told,) = [
        text for text in warnings(made, NODE, health_is_set=True, migrate_is_set=False) if "Prisma" in text
    ]
    assert "migrate: {command: prisma migrate deploy}" in told
    assert "move prisma from devDependencies to dependencies" in told
    assert not [
        text for text in warnings(made, NODE, health_is_set=True, migrate_is_set=True) if "Prisma" in text
    ]


def test_a_first_configuration_has_it_as_a_comment(tmp_path: Path) -> None:
    """A database is changed only by a command that somebody has read; without the # it is valid."""
    text = starter.app_text(project(tmp_path, TYPEORM, main=("typeorm",)))
    config, problems = check(document.parse(text))
    assert config is not None
    assert (problems, config.migrate_is_set) == ([], False)
    lines = text.splitlines()
    start = lines.index("# migrate:")
    lines[start : start + 2] = [line.removeprefix("# ") for line in lines[start : start + 2]]
    config, problems = check(document.parse("\n".join(lines)))
    assert config is not None
    assert config.migrate.command == "typeorm migration:run -d dist/db/data-source.js"
