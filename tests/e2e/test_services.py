"""Databases of a real NestJS app on a real host: provisioned, released, asked through nginx, and broken.

The order matters: a bare host, its first provision and release, then what people and accidents do to it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support import nest_projects
from tests.support.canaries import Canaries
from tests.support.secrets_on_host import assert_only_root_and_the_app_have
from tests.support.vps import Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

CONFIG = (
    "app: shop", "instances: 1", "health: {path: /health/live}", "release: {drain_seconds: 5, watch_seconds: 1}",
    "migrate: {command: typeorm migration:run -d dist/data-source.js}",
    "services: {postgresql: {memory: 256M}, redis: {memory: 64M}}",
)  # fmt: skip
SOURCES = {
    "src/data-source.ts": """
import { DataSource } from 'typeorm';

import { CreateNotes1764000000000 } from './create-notes.js';

export default new DataSource({
  type: 'postgres', url: process.env.DATABASE_URL, migrations: [CreateNotes1764000000000],
});
""",
    "src/create-notes.ts": """
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateNotes1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
  }

  async down(): Promise<void> {}
}
""",
    "src/app.controller.ts": """
import { Body, Controller, Get, Post } from '@nestjs/common';
import { Redis } from 'ioredis';

import source from './data-source.js';

const ready = source.initialize();
const redis = new Redis(process.env.REDIS_URL!);

@Controller()
export class AppController {
  @Get()
  hello(): string {
    return 'Hello World!';
  }

  @Post('visits')
  visit(): Promise<number> {
    return redis.incr('visits');
  }

  @Get('notes')
  async list(): Promise<string[]> {
    const rows: { text: string }[] = await (await ready).query('SELECT text FROM notes ORDER BY id');
    return rows.map((row) => row.text);
  }

  @Post('notes')
  async add(@Body() body: { text: string }): Promise<void> {
    await (await ready).query('INSERT INTO notes (text) VALUES ($1)', [body.text]);
  }
}
""",
}
LATER: dict[str, str] = {}


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with TypeORM and PostgreSQL's driver, and one bare host."""
    place = tmp_path_factory.mktemp("services")
    path = place / "shop"
    nest_projects.example(path, ("typeorm@1", "pg@8", "ioredis@5"), SOURCES)
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(path, "e2e-services", config=CONFIG) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        yield made


def notes(project: Project, add: str = "") -> list[str]:
    """What the app has stored, through nginx; after one more."""
    url = f"{project.url}notes"
    if add:
        body = json.dumps({"text": add}).encode()
        headers = {"content-type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10).close()  # noqa: S310 - http, to our own sandbox
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - http, to our own sandbox
        found: list[str] = json.load(answer)
    return found


def visits(project: Project) -> int:
    """One more, counted in Redis through nginx."""
    request = urllib.request.Request(f"{project.url}visits", b"")  # noqa: S310 - http, to our own sandbox
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http, to our own sandbox
        return int(answer.read())


def password(url: str) -> Canaries:
    """What is looked for: nobody knows it before it is made."""
    return Canaries(str(urlsplit(url).password))


def test_a_bare_host_gets_the_database_and_the_app_its_url(shop: Project) -> None:
    """The password is kept among the stage's encrypted secrets, and in no output."""
    printed = shop.run("provision", "host", "--verbose")
    assert "postgresql: user shop, database shop" in printed
    assert "redis: user shop" in printed
    LATER["url"] = shop.run("env", "reveal", "DATABASE_URL").strip()
    assert not password(LATER["url"]).found_in(printed.encode())
    assert LATER["url"].startswith("postgresql://shop:")
    found = shop.services()["postgresql"]
    assert (found["running"], found["waits"], found["why"]) == (True, [], "")
    assert (
        shop.on("web-1", "runuser", "-u", "postgres", "--", "psql", "-XAtc", "SHOW data_checksums").strip()
        == "on"
    )


def test_a_second_time_nothing_changes_and_ansible_is_not_started(shop: Project) -> None:
    """The host audits itself, its database's files too; the login is as it was, and in no process's arguments."""
    with password(LATER["url"]).watched_for() as seen:
        result = shop.json("provision", "host")[-1]
    assert seen == []
    assert [(host["audited"], host["module_calls"]) for host in result["hosts"]] == [(True, 0)]
    assert [one["changed"] for one in result["services"]] == [[], []]


def test_a_released_app_stores_a_row_through_nginx(shop: Project) -> None:
    """TypeORM migrates with the URL, and so does the app use it; the row outlives the next release."""
    released = shop.run("release", "--verbose")
    assert "Migration CreateNotes1764000000000 has been executed successfully" in released
    assert (notes(shop, add="first"), visits(shop)) == (["first"], 1)
    shop.run("env", "apply")
    assert (notes(shop, add="second"), visits(shop)) == (["first", "second"], 2)
    assert shop.services()["postgresql"]["connections"] >= 1
    assert shop.services()["redis"]["connections"] >= 1


def test_the_console_is_the_app_s(shop: Project) -> None:
    """What is piped in is carried out as the app's user; its exit code is the command's."""
    canaries = password(LATER["url"])
    with canaries.watched_for() as seen:
        told = shop.run(
            "db",
            "console",
            "postgresql",
            stdin="SELECT current_user || ' has ' || count(*) FROM notes;\n",
        )
    assert "shop has 2" in told
    assert seen == []
    failed = shop.run(
        "db",
        "console",
        "postgresql",
        stdin="\\set ON_ERROR_STOP on\nSELECT * FROM pg_authid;\n",
        code=3,
    )
    assert "permission denied" in failed
    assert shop.run("db", "console", "redis", stdin="GET visits\n").strip() == "2"
    assert "NOPERM" in shop.run("db", "console", "redis", stdin="CONFIG GET dir\n")
    assert "which service?" in shop.run("db", "console", code=2)


def test_nobody_else_gets_in(shop: Project) -> None:
    """Not without the password, not by the socket, and from outside the port is not even there."""
    refused = (
        "psql -w 'postgresql://shop@127.0.0.1/shop' -c 'SELECT 1'",
        "psql -w 'postgresql://shop:wrong@127.0.0.1/shop' -c 'SELECT 1'",
        "runuser -u nobody -- psql -w -U shop shop -c 'SELECT 1'",
        "runuser -u shop -- psql -w -U postgres -c 'SELECT 1'",
    )
    for command in refused:
        assert (
            shop.on("web-1", "sh", "-c", f"{command} >/dev/null 2>&1 && echo in || echo out").strip() == "out"
        )
    outside = urlsplit(shop.url).hostname
    knock = subprocess.run(
        ["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{outside}/5432"], check=False, capture_output=True
    )
    assert knock.returncode != 0


def test_a_database_that_is_down_is_told_and_comes_back(shop: Project) -> None:
    """Status says it first, doctor has an error with what to type; provisioning starts it."""
    shop.on("web-1", "systemctl", "stop", "postgresql@*-main.service")
    assert shop.run("status").startswith("warning: postgresql on web-1 does not run: ")
    found = json.loads(shop.run("doctor", "--json", code=6))
    assert any(f["level"] == "error" and "does not run" in f["text"] for f in found["findings"])
    shop.run("provision", "host")
    assert shop.services()["postgresql"]["running"]

    def back() -> bool:
        with contextlib.suppress(OSError):  # such as 500, from a connection of before
            return notes(shop) == ["first", "second"]
        return False

    until(back)


def test_a_password_that_was_changed_on_the_host_is_put_right(shop: Project) -> None:
    """The repository's is the one that counts: the running release has it."""
    shop.on(
        "web-1", "runuser", "-u", "postgres", "--", "psql", "-c", "ALTER ROLE shop PASSWORD 'other-than-ours'"
    )
    result = shop.json("provision", "host")[-1]
    assert [one["changed"] for one in result["services"]] == [["password of shop"], []]
    assert "shop" in shop.run("db", "console", "postgresql", stdin="SELECT current_user;\n")


def test_what_needs_a_restart_waits_for_one(shop: Project) -> None:
    """The app's connections are never broken by provisioning; status says what waits, and a restart brings it."""
    (shop.path / "vpsdeploy.yml").write_text(
        "\n".join([*CONFIG[:-1], "services: {postgresql: {memory: 300M}, redis: {memory: 96M}}", ""])
    )
    result = shop.json("provision", "host")[-1]
    assert [one["changed"] for one in result["services"]] == [[], ["memory"]]
    assert shop.services()["redis"]["waits"] == []
    assert visits(shop) == 3
    assert shop.services()["postgresql"]["waits"] == ["shared_buffers"]
    assert "shared_buffers will be as configured after its next start" in shop.run("status")
    shop.on("web-1", "systemctl", "restart", "postgresql@*-main.service")
    assert shop.services()["postgresql"]["waits"] == []


def test_more_memory_than_the_host_has_changes_nothing(shop: Project) -> None:
    """Refused by the host before anything is changed, with the key to lower."""
    (shop.path / "vpsdeploy.yml").write_text(
        "\n".join([*CONFIG[:-1], "services: {redis: {memory: 900G}}", ""])
    )
    failed = " ".join(shop.run("provision", "host", code=7).split())
    assert "redis 900G come to 921600 MiB, the host has" in failed
    assert "lower services.redis.memory" in failed
    assert shop.on("web-1", "grep", "^maxmemory ", "/etc/redis/redis.conf").split() == [
        "maxmemory",
        str(72 << 20),
    ]
    assert visits(shop) == 4


def test_only_root_and_the_app_have_the_passwords(shop: Project) -> None:
    """On the host: the release's settings and what systemd reads. No log has one, nor the servers' own files."""
    for url in (LATER["url"], shop.run("env", "reveal", "REDIS_URL").strip()):
        assert_only_root_and_the_app_have(shop, "web-1", password(url))
