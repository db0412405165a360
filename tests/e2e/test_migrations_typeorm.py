"""A real migration tool on a real host: TypeORM's own CLI, found by detection, on SQLite (sql.js: nothing native)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.vps import TIMEOUT_SECONDS, Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.npm, pytest.mark.full]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello-nest"
DATABASE = "/srv/shop/shared/shop.sqlite"
CONFIG = (
    "app: shop", "instances: 1", "health: {path: /health/ready}", "release: {drain_seconds: 5}",
    f"env: {{DATABASE_FILE: {DATABASE}}}",
)  # fmt: skip
COMMAND = "typeorm migration:run -d dist/data-source.js"
DATA_SOURCE = """
import { DataSource } from 'typeorm';

import * as migrations from './migrations/index.js';

export default new DataSource({
  type: 'sqljs', location: process.env.DATABASE_FILE, autoSave: true, migrations: Object.values(migrations),
});
"""
MIGRATION = """
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class NAME implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('SQL');
  }

  async down(): Promise<void> {}
}
"""
ORDERS = ("CreateOrders1764000000000", "CREATE TABLE orders (id integer PRIMARY KEY, note text NOT NULL)")
WRONG = ("AddToMissing1764000000001", "ALTER TABLE missing ADD COLUMN more text")


def write_migrations(project: Path, *migrations: tuple[str, str]) -> None:
    """The sources of some migrations, and the file that names them all."""
    folder = project / "src" / "migrations"
    folder.mkdir(exist_ok=True)
    for name, sql in migrations:
        (folder / f"{name}.ts").write_text(MIGRATION.replace("NAME", name).replace("SQL", sql))
    (folder / "index.ts").write_text("".join(f"export * from './{name}.js';\n" for name, _ in migrations))


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with TypeORM, on one provisioned host."""
    path = tmp_path_factory.mktemp("typeorm") / "shop"
    left_out = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "inventories")
    shutil.copytree(EXAMPLE, path, ignore=left_out)
    npm = ["npm", "install", "--save", "typeorm@1", "sql.js@1", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=path, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)
    (path / "src" / "data-source.ts").write_text(DATA_SOURCE)
    write_migrations(path, ORDERS)
    with project_on_sandbox(path, "e2e-typeorm", config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        yield project


def tables(project: Project) -> list[str]:
    """The tables of the app's database."""
    script = """
import sqlite3, sys
names = sqlite3.connect(sys.argv[1]).execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
print(*[name for name, in names if not name.startswith("sqlite_")])
"""
    return project.on("web-1", "python3", "-c", script, DATABASE).split()


def configure(project: Project, *lines: str) -> None:
    """Write vpsdeploy.yml anew, with further lines."""
    (project.path / "vpsdeploy.yml").write_text("\n".join([*CONFIG, *lines, ""]))


def test_migrations_that_no_release_runs_are_told_of(shop: Project) -> None:
    """By doctor, with the very line to write."""
    said = shop.vpsdeploy("doctor").stdout
    assert (
        f"TypeORM has migrations (src/migrations), and no release runs them: write migrate: {{command: {COMMAND}}}"
        in (" ".join(said.split()))
    )


def test_a_release_migrates_with_the_command_that_was_detected(shop: Project) -> None:
    """Before the first instance starts, as the app's user, with its env; the app is live afterwards."""
    configure(shop, f"migrate: {{command: {COMMAND}}}")
    done = shop.vpsdeploy("release")
    assert done.returncode == 0, done.stderr
    assert f"web-1 | Migration {ORDERS[0]} has been executed successfully." in done.stderr
    assert tables(shop) == ["migrations", "orders"]
    assert shop.on("web-1", "stat", "--format=%U", DATABASE).strip() == "shop"


def test_a_wrong_migration_stops_the_release_with_what_the_database_said(shop: Project) -> None:
    """The old release stays live, and the table of the first migration stays."""
    before = shop.json("status")[-1]["live"]
    write_migrations(shop.path, ORDERS, WRONG)
    failed = shop.vpsdeploy("release")
    assert failed.returncode == 8, failed.stderr
    assert "no such table: missing" in failed.stderr
    assert f"live is {before} on all hosts; nothing was flipped; the migration of" in failed.stderr
    assert shop.json("status")[-1]["live"] == before
    assert "orders" in tables(shop)


def test_nothing_to_migrate_is_a_release_like_any_other(shop: Project) -> None:
    """The tool itself knows what it has done."""
    write_migrations(shop.path, ORDERS)
    done = shop.vpsdeploy("release")
    assert done.returncode == 0, done.stderr
    assert "web-1 | No migrations are pending" in done.stderr
