"""Which tool migrates the project's database, and the command that does so on a host: found, never run by itself.

Sources: prisma.io/docs (prisma migrate deploy applies what is pending and asks nothing), typeorm docs/migrations (the
CLI wants a compiled data source), mikro-orm.io/docs/migrations (migration:up, --config), sequelize-cli (db:migrate).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.model.build import Migrations
from orchestrator.project.package_json import dependencies, table

_DATA_SOURCE = re.compile(r"\bnew\s+DataSource\s*\(")
_TYPEORM_MIGRATION = re.compile(r"\bimplements\s+MigrationInterface\b")
_MIKRO_CONFIG = "mikro-orm.config.ts"


@dataclass(frozen=True, slots=True)
class _Tree:
    """A project as this file looks at it.

    Attributes:
        sources: Relative names of its TypeScript files, sorted.
        source_root: For example src.
        compiled: Directory that the compiled source root is in, for example dist.
        output: Directory that the build writes.
    """

    root: Path
    package: dict[str, Any]
    sources: tuple[str, ...]
    source_root: str
    compiled: str
    output: str

    def has(self, name: str) -> bool:
        """Whether the project depends on a package."""
        return name in dependencies(self.package)

    def is_shipped(self, name: str) -> bool:
        """Whether a package is there when development dependencies are gone."""
        return any(name in table(self.package, kind) for kind in ("dependencies", "optionalDependencies"))

    def text(self, name: str) -> str:
        """What a file says."""
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def output_of(self, source: str) -> str:
        """Where a TypeScript file is compiled to."""
        inside = source.startswith(f"{self.source_root}/")
        name = (
            f"{self.compiled}/{source.removeprefix(self.source_root + '/')}"
            if inside
            else f"{self.output}/{source}"
        )
        return name.removesuffix(".ts") + ".js"


def detect_migrations(
    root: Path, package: dict[str, Any], source_root: str, entry: str, output: str
) -> Migrations | None:
    """The tool whose migrations the project has; None where it has none.

    Args:
        root: The project.
        package: Its package.json.
        source_root: For example src.
        entry: The likeliest entry file, for example dist/main.js.
        output: Directory that the build writes.
    """
    sources = tuple(sorted(_sources(root, source_root)))
    tree = _Tree(root, package, sources, source_root, posixpath.dirname(entry) or output, output)
    found = (find(tree) for find in (_prisma, _typeorm, _mikro_orm, _sequelize))
    return next((one for one in found if one), None)


def _sources(root: Path, source_root: str) -> Iterator[str]:
    for file in (*root.glob("*.ts"), *(root / source_root).rglob("*.ts")):
        if "node_modules" not in file.parts and not file.name.endswith((".d.ts", "spec.ts", "test.ts")):
            yield file.relative_to(root).as_posix()


def _prisma(tree: _Tree) -> Migrations | None:
    if not (tree.has("prisma") or tree.has("@prisma/client")):
        return None
    folders = (path for path in tree.root.glob("prisma/**/migrations") if path.is_dir())
    folder = next((path for path in sorted(folders) if any(path.glob("*/migration.sql"))), None)
    if folder is None:
        return None
    return _found(tree, "Prisma", "prisma migrate deploy", "prisma", folder.relative_to(tree.root).as_posix())


def _typeorm(tree: _Tree) -> Migrations | None:
    if not tree.has("typeorm"):
        return None
    migrations = [name for name in tree.sources if _TYPEORM_MIGRATION.search(tree.text(name))]
    if not migrations:
        return None
    data_sources = [name for name in tree.sources if _DATA_SOURCE.search(tree.text(name))]
    compiled = tree.output_of(data_sources[0]) if data_sources else f"{tree.compiled}/data-source.js"
    where = posixpath.dirname(migrations[0])
    return _found(tree, "TypeORM", f"typeorm migration:run -d {compiled}", "typeorm", where)


def _mikro_orm(tree: _Tree) -> Migrations | None:
    if not (tree.has("@mikro-orm/core") and tree.has("@mikro-orm/migrations")):
        return None
    config = next((name for name in tree.sources if posixpath.basename(name) == _MIKRO_CONFIG), "")
    compiled = tree.output_of(config) if config else f"{tree.compiled}/mikro-orm.config.js"
    command = f"mikro-orm migration:up --config {compiled}"
    return _found(
        tree, "MikroORM", command, "@mikro-orm/cli", config or "package.json: @mikro-orm/migrations"
    )


def _sequelize(tree: _Tree) -> Migrations | None:
    if not (tree.has("sequelize") and (tree.has("sequelize-cli") or (tree.root / ".sequelizerc").is_file())):
        return None
    evidence = next((name for name in (".sequelizerc", "migrations") if (tree.root / name).exists()), "")
    if not evidence:
        return None
    # Neither is shipped by itself, and the command reads both.
    needed = tuple(name for name in (".sequelizerc", "config") if (tree.root / name).exists())
    return _found(tree, "Sequelize", "sequelize-cli db:migrate", "sequelize-cli", evidence, needed)


def _found(
    tree: _Tree, tool: str, command: str, package: str, evidence: str, include: tuple[str, ...] = ()
) -> Migrations:
    return Migrations(tool, command, package, evidence, tree.is_shipped(package), include)
