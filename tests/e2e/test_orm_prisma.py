"""Prisma on both databases of one host: generated clients write and read; on PostgreSQL its own CLI migrates, too.

The migrations run without Prisma's native engine, which no registry has: in Prisma 6 the CLI carries the same engine
compiled to WebAssembly, and takes a driver for it (prisma.config.ts: engine "js"). The driver for PostgreSQL is a newer
one than the CLI: the one of its own version does not know the type `name` of the catalogue (prisma/orm, issue 27403).
For MySQL that engine ends with "RuntimeError: unreachable": there the migrations' SQL goes through `db console`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import nest_projects
from tests.support.notes import DATABASES, rows, stored
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.npm, pytest.mark.full]

DETECTED = "prisma migrate deploy"
CONFIG = (
    "app: shop", "instances: 1", "health: {path: /health/live}", "release: {drain_seconds: 5, watch_seconds: 1}",
    "services: {postgresql: {memory: 128M}, mariadb: {memory: 128M, database: shop_more}}",
    "build: {command: sh build.sh}",
)  # fmt: skip
VERSION = "6.19.3"
PACKAGES = (
    f"prisma@{VERSION}", f"@prisma/client@{VERSION}", "@prisma/adapter-pg@7.10.1", f"@prisma/adapter-mariadb@{VERSION}",
)  # fmt: skip
SCHEMA = """
generator client {
  provider            = "prisma-client"
  engineType          = "client"
  output              = "../../src/generated/FOLDER"
  moduleFormat        = "esm"
  importFileExtension = "js"
}

datasource db {
  provider = "PROVIDER"
  url      = "PROVIDER://its-driver-knows"
}

model Note {
  id    Int    @id @default(autoincrement())
  text  String
MORE}
"""
STARS = "  stars Int    @default(0)\n"
SOURCES = {
    ".npmrc": "ignore-scripts=true\n",
    "build.sh": """
set -eu
prisma generate
prisma generate --schema prisma/mariadb/schema.prisma
nest build
""",
    "tsconfig.build.json": """{
  "extends": "./tsconfig.json",
  "compilerOptions": { "rootDir": "./src", "declaration": false },
  "include": ["src"],
  "exclude": ["**/*spec.ts"]
}
""",
    "prisma.config.ts": """
import { PrismaPg } from '@prisma/adapter-pg';
import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma/postgresql/schema.prisma',
  migrations: { path: 'prisma/postgresql/migrations' },
  experimental: { adapter: true },
  engine: 'js',
  adapter: async () => new PrismaPg({ connectionString: process.env.DATABASE_URL, allowExitOnIdle: true }),
});
""",
    "src/databases.ts": """
import { PrismaMariaDb } from '@prisma/adapter-mariadb';
import { PrismaPg } from '@prisma/adapter-pg';

import { PrismaClient as MariaDb } from './generated/mariadb/client.js';
import { PrismaClient as PostgreSql } from './generated/postgresql/client.js';

export const postgresql = new PostgreSql({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });
export const mariadb = new MariaDb({ adapter: new PrismaMariaDb(process.env.MYSQL_URL!) });
""",
    "src/app.controller.ts": """
import { Body, Controller, Get, Param, Post } from '@nestjs/common';

import { mariadb, postgresql } from './databases.js';

@Controller()
export class AppController {
  @Get('notes/:database')
  list(@Param('database') database: string): Promise<object[]> {
    const orderBy = { id: 'asc' } as const;
    return database === 'mariadb' ? mariadb.note.findMany({ orderBy }) : postgresql.note.findMany({ orderBy });
  }

  @Post('notes/:database')
  add(@Param('database') database: string, @Body() data: { text: string }): Promise<object> {
    return database === 'mariadb' ? mariadb.note.create({ data }) : postgresql.note.create({ data });
  }
}
""",
}
CREATE = {
    "postgresql": 'CREATE TABLE "Note" ("id" SERIAL NOT NULL, "text" TEXT NOT NULL, '
    'CONSTRAINT "Note_pkey" PRIMARY KEY ("id"));\n',
    "mariadb": "CREATE TABLE `Note` (`id` INTEGER NOT NULL AUTO_INCREMENT, `text` VARCHAR(191) NOT NULL, "
    "PRIMARY KEY (`id`)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n",
}
ADD_STARS = {
    "postgresql": 'ALTER TABLE "Note" ADD COLUMN "stars" INTEGER NOT NULL DEFAULT 0;\n',
    "mariadb": "ALTER TABLE `Note` ADD COLUMN `stars` INTEGER NOT NULL DEFAULT 0;\n",
}
PROVIDERS = {"postgresql": "postgresql", "mariadb": "mysql"}


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with Prisma on both databases, and one provisioned host."""
    place = tmp_path_factory.mktemp("orm-prisma")
    path = place / "shop"
    nest_projects.example(path, PACKAGES, SOURCES, is_installed=False)
    for database in DATABASES:
        write_schema(path, database, more="")
    write_migration(path, "20260101000000_create_notes", CREATE["postgresql"])
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(path, "e2e-orm-prisma", config=CONFIG) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        made.run("provision", "host")
        yield made


def write_schema(path: Path, database: str, *, more: str) -> None:
    """The model as a release knows it."""
    folder = path / "prisma" / database
    folder.mkdir(parents=True, exist_ok=True)
    text = SCHEMA.replace("FOLDER", database).replace("PROVIDER", PROVIDERS[database]).replace("MORE", more)
    (folder / "schema.prisma").write_text(text)


def write_migration(path: Path, name: str, sql: str) -> None:
    """As `prisma migrate dev` writes it."""
    folder = path / "prisma" / "postgresql" / "migrations"
    (folder / name).mkdir(parents=True)
    (folder / name / "migration.sql").write_text(sql)
    (folder / "migration_lock.toml").write_text('provider = "postgresql"\n')


def applied(project: Project) -> list[str]:
    """What Prisma itself has on record in PostgreSQL."""
    sql = "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY started_at"
    return rows(project, "postgresql", sql)


def test_doctor_names_the_command_that_migrates(shop: Project) -> None:
    """The very line to write."""
    said = " ".join(shop.vpsdeploy("doctor").stdout.split())
    assert f"no release runs them: write migrate: {{command: {DETECTED}}}" in said
    with (shop.path / "vpsdeploy.yml").open("a") as file:
        file.write(f"migrate: {{command: {DETECTED}}}\n")


def test_a_release_migrates_and_stores_in_both_databases(shop: Project) -> None:
    """By the URLs as they are; the clients are those that the build has generated."""
    shop.run("db", "console", "mariadb", stdin=CREATE["mariadb"])
    assert "All migrations have been successfully applied." in shop.run("release")
    assert applied(shop) == ["20260101000000_create_notes"]
    for database in DATABASES:
        assert stored(shop, database, add={"text": "first, Grüße 🍣"}) == [
            {"id": 1, "text": "first, Grüße 🍣"}
        ]


def test_the_next_release_migrates_further_and_keeps_what_was_stored(shop: Project) -> None:
    """Only what is new runs; the old rows have the new column."""
    shop.run("db", "console", "mariadb", stdin=ADD_STARS["mariadb"])
    write_migration(shop.path, "20260102000000_add_stars", ADD_STARS["postgresql"])
    for database in DATABASES:
        write_schema(shop.path, database, more=STARS)
    assert "20260101000000_create_notes/" not in shop.run("release")
    assert applied(shop) == ["20260101000000_create_notes", "20260102000000_add_stars"]
    for database in DATABASES:
        assert stored(shop, database, add={"text": "second", "stars": 5}) == [
            {"id": 1, "text": "first, Grüße 🍣", "stars": 0},
            {"id": 2, "text": "second", "stars": 5},
        ]


def test_a_migration_that_fails_stops_the_release(shop: Project) -> None:
    """With what the database said; the app goes on as it was."""
    before = shop.json("status")[-1]["live"]
    write_migration(shop.path, "20260103000000_wrong", 'ALTER TABLE "Missing" ADD COLUMN "more" TEXT;\n')
    printed = shop.run("release", code=8)
    assert "20260103000000_wrong" in printed
    assert "No such table: Missing" in printed
    assert shop.json("status")[-1]["live"] == before
    assert [len(stored(shop, database)) for database in DATABASES] == [2, 2]
