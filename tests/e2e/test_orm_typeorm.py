"""TypeORM as Nest's own package brings it, on both databases of one host: migrated, written to, migrated again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import nest_projects
from tests.support.notes import DATABASES, rows, stored
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

CONFIG = (
    "app: shop", "instances: 1", "health: {path: /health/live}", "release: {drain_seconds: 5, watch_seconds: 1}",
    "services: {postgresql: {memory: 128M}, mariadb: {memory: 128M, database: shop_more}}",
)  # fmt: skip
PACKAGES = ("@nestjs/typeorm@12", "typeorm@1", "pg@8", "mysql2@3")
DETECTED = "typeorm migration:run -d dist/data-source.js"
COMMAND = f"{DETECTED} && typeorm migration:run -d dist/mariadb.data-source.js"
SOURCES = {
    "src/data-source.ts": """
import { DataSource, type DataSourceOptions } from 'typeorm';

import * as migrations from './migrations.js';
import { Note } from './note.entity.js';

export const postgresql: DataSourceOptions = {
  type: 'postgres', url: process.env.DATABASE_URL, entities: [Note], migrations: Object.values(migrations),
};

export default new DataSource(postgresql);
""",
    "src/mariadb.data-source.ts": """
import { DataSource, type DataSourceOptions } from 'typeorm';

import * as migrations from './migrations.js';
import { Note } from './note.entity.js';

export const mariadb: DataSourceOptions = {
  type: 'mariadb', url: process.env.MYSQL_URL, entities: [Note], migrations: Object.values(migrations),
};

export default new DataSource(mariadb);
""",
    "src/app.module.ts": """
import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';

import { AppController } from './app.controller.js';
import { postgresql } from './data-source.js';
import { HealthController } from './health/health.controller.js';
import { mariadb } from './mariadb.data-source.js';
import { Note } from './note.entity.js';

@Module({
  imports: [
    TerminusModule.forRoot(),
    TypeOrmModule.forRoot(postgresql),
    TypeOrmModule.forRoot({ ...mariadb, name: 'mariadb' }),
    TypeOrmModule.forFeature([Note]),
    TypeOrmModule.forFeature([Note], 'mariadb'),
  ],
  controllers: [AppController, HealthController],
})
export class AppModule {}
""",
    "src/app.controller.ts": """
import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';

import { Note } from './note.entity.js';

@Controller()
export class AppController {
  constructor(
    @InjectRepository(Note) private readonly postgresql: Repository<Note>,
    @InjectRepository(Note, 'mariadb') private readonly mariadb: Repository<Note>,
  ) {}

  @Get('notes/:database')
  list(@Param('database') database: 'postgresql' | 'mariadb'): Promise<Note[]> {
    return this[database].find({ order: { id: 'ASC' } });
  }

  @Post('notes/:database')
  add(@Param('database') database: 'postgresql' | 'mariadb', @Body() note: Partial<Note>): Promise<Note> {
    return this[database].save(this[database].create(note));
  }
}
""",
}
ENTITY = """
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('notes')
export class Note {
  @PrimaryGeneratedColumn()
  id: number;

  @Column('text')
  text: string;
COLUMNS}
"""
STARS = """
  @Column('int', { default: 0 })
  stars: number;
"""
MIGRATIONS = """
import { type MigrationInterface, type QueryRunner, Table, TableColumn } from 'typeorm';

export class CreateNotes1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(new Table({
      name: 'notes',
      columns: [
        { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
        { name: 'text', type: 'text' },
      ],
    }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('notes');
  }
}
"""
ADD_STARS = """
export class AddStars1764000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn('notes', new TableColumn({ name: 'stars', type: 'int', default: 0 }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('notes', 'stars');
  }
}
"""
WRONG = """
export class AddToMissing1764000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE missing ADD COLUMN more text');
  }

  async down(): Promise<void> {}
}
"""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with TypeORM on both databases, and one provisioned host."""
    place = tmp_path_factory.mktemp("orm-typeorm")
    path = place / "shop"
    nest_projects.example(path, PACKAGES, SOURCES, is_installed=False)
    write(path, columns="", migrations=MIGRATIONS)
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(path, "e2e-orm-typeorm", config=CONFIG) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        made.run("provision", "host")
        yield made


def write(path: Path, *, columns: str, migrations: str) -> None:
    """The entity as a release knows it, and the migrations that lead to it."""
    (path / "src/note.entity.ts").write_text(ENTITY.replace("COLUMNS", columns))
    (path / "src/migrations.ts").write_text(migrations)


def migrated(project: Project, database: str) -> list[str]:
    """What TypeORM itself has on record in that database."""
    return rows(project, database, "SELECT name FROM migrations ORDER BY id")


def test_doctor_names_the_command_that_migrates(shop: Project) -> None:
    """Of the data source that it finds first; the second database's is added by hand."""
    said = " ".join(shop.vpsdeploy("doctor").stdout.split())
    assert f"no release runs them: write migrate: {{command: {DETECTED}}}" in said
    with (shop.path / "vpsdeploy.yml").open("a") as file:
        file.write(f"migrate: {{command: {COMMAND}}}\n")


def test_a_release_migrates_both_databases_and_stores_in_both(shop: Project) -> None:
    """By the URLs as they are, through repositories that Nest injects, asked through nginx."""
    assert "Migration CreateNotes1764000000000 has been executed successfully." in shop.run("release")
    for database in DATABASES:
        assert migrated(shop, database) == ["CreateNotes1764000000000"]
        assert stored(shop, database, add={"text": "first, Grüße 🍣"}) == [
            {"id": 1, "text": "first, Grüße 🍣"}
        ]


def test_the_next_release_migrates_further_and_keeps_what_was_stored(shop: Project) -> None:
    """Only what is new runs; the old rows have the new column."""
    write(shop.path, columns=STARS, migrations=MIGRATIONS + ADD_STARS)
    assert "Migration CreateNotes1764000000000 has been executed" not in shop.run("release")
    for database in DATABASES:
        assert migrated(shop, database) == ["CreateNotes1764000000000", "AddStars1764000000001"]
        assert stored(shop, database, add={"text": "second", "stars": 5}) == [
            {"id": 1, "text": "first, Grüße 🍣", "stars": 0},
            {"id": 2, "text": "second", "stars": 5},
        ]


def test_a_migration_that_fails_stops_the_release(shop: Project) -> None:
    """With what the database said; the app goes on as it was."""
    before = shop.json("status")[-1]["live"]
    write(shop.path, columns=STARS, migrations=MIGRATIONS + ADD_STARS + WRONG)
    assert 'relation "missing" does not exist' in shop.run("release", code=8)
    assert shop.json("status")[-1]["live"] == before
    assert [len(stored(shop, database)) for database in DATABASES] == [2, 2]
