"""Databases on a host of their own: the app reaches them by TLS, knows whom it talks to, and nobody else gets near."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.node_apps import bundle, modules
from tests.support.vps import Project, project_on_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

CONFIG = (
    "app: shop", "instances: 1", "release: {drain_seconds: 5, watch_seconds: 1}",
    "services: {postgresql: {memory: 128M}, mariadb: {memory: 128M, database: shop_more}, redis: {memory: 64M}}",
)  # fmt: skip
APP = """
const http = require('node:http');
const { Pool } = require('pg');
const { Redis } = require('ioredis');
const pool = new Pool({ connectionString: process.env.DATABASE_URL });
const redis = new Redis(process.env.REDIS_URL);
const mariadb = require('mysql2/promise').createPool(process.env.MYSQL_URL);
const answer = async () => {
  await pool.query('CREATE TABLE IF NOT EXISTS visits (n serial)');
  await pool.query('INSERT INTO visits DEFAULT VALUES');
  const { rows: [row] } = await pool.query(
    'SELECT (SELECT count(*)::int FROM visits) AS stored, version AS tls '
    + 'FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  await mariadb.query('CREATE TABLE IF NOT EXISTS visits (n int AUTO_INCREMENT PRIMARY KEY)');
  await mariadb.query('INSERT INTO visits () VALUES ()');
  const [[{ more }]] = await mariadb.query('SELECT count(*) AS more FROM visits');
  const [[{ Value: mariadbTls }]] = await mariadb.query("SHOW SESSION STATUS LIKE 'Ssl_version'");
  return { ...row, counted: await redis.incr('visits'), redis: redis.stream.getProtocol(), more, mariadbTls };
};
http.createServer(async (req, res) => {
  if (req.url !== '/visit') return res.end('ok');
  try { res.end(JSON.stringify(await answer())); } catch (error) { res.statusCode = 500; res.end(String(error)); }
}).listen(Number(process.env.PORT));
process.on('SIGTERM', () => process.exit(0));
"""


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """web-1 serves, web-2 is for data; both provisioned."""
    place = tmp_path_factory.mktemp("apart")
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(place / "shop", "e2e-apart", hosts=2, config=CONFIG) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        made.inventory.write_text(for_data(made.inventory))
        made.run("provision", "host")
        yield made


def for_data(inventory: Path) -> str:
    """web-2 leaves the groups that it is in; the group `data` has it now."""
    tree = yaml.safe_load(inventory.read_text())
    groups = {"app": "web-1", "loadbalancer": "web-1", "data": "web-2"}
    tree["all"]["children"] = {group: {"hosts": {name: {}}} for group, name in groups.items()}
    return yaml.safe_dump(tree)


def asked(project: Project) -> dict[str, Any]:
    """The app's answer, through nginx."""
    with urllib.request.urlopen(f"{project.url}visit", timeout=10) as answer:  # noqa: S310 - http, to our own sandbox
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_app_stores_by_tls_what_lies_elsewhere(shop: Project, tmp_path: Path) -> None:
    """With the drivers' own defaults: nothing in the app says TLS, the URL and one variable do."""
    drivers = modules(tmp_path, "pg@8", "ioredis@5", "mysql2@3")
    shop.run("release", "--bundle", str(bundle(shop.path, "apart", more={**drivers, "dist/main.js": APP})))
    first, second = asked(shop), asked(shop)
    assert (first["stored"], first["counted"], first["more"]) == (1, 1, 1)
    assert (second["stored"], second["counted"], second["more"]) == (2, 2, 2)
    assert (second["tls"], second["redis"], second["mariadbTls"]) == ("TLSv1.3", "TLSv1.3", "TLSv1.3")


def test_a_second_time_nothing_changes(shop: Project) -> None:
    """On neither host; the certificates are those that were made."""
    result = shop.json("provision", "host")[-1]
    assert [(host["audited"], host["module_calls"]) for host in result["hosts"]] == [(True, 0)] * 2
    assert [one["changed"] for one in result["services"]] == [[], [], []]


def test_without_tls_no_password_is_taken(shop: Project) -> None:
    """PostgreSQL and MariaDB refuse, Redis does not even understand."""
    url = shop.run("env", "reveal", "DATABASE_URL").strip()
    plain = url.partition("?")[0] + "?sslmode=disable"
    refused = shop.on("web-2", "sh", "-c", 'psql "$1" -c "SELECT 1" 2>&1 || true', "sh", plain)
    assert "no encryption" in refused
    redis = shop.run("env", "reveal", "REDIS_URL").strip()
    assert redis.startswith("rediss://")
    spoken = shop.on(
        "web-2", "sh", "-c", 'redis-cli -u "$1" ping 2>&1 || true', "sh", redis.replace("rediss", "redis")
    )
    assert "PONG" not in spoken
    parts = urlsplit(shop.run("env", "reveal", "MYSQL_URL").strip())
    login = (
        f"MYSQL_PWD={parts.password} mariadb --no-defaults --skip-ssl -h {parts.hostname} -u {parts.username}"
    )
    assert "ERROR" in shop.on("web-2", "sh", "-c", f"{login} -e 'SELECT 1' 2>&1 || true")
    with_tls = login.replace("--skip-ssl", "--ssl-ca=$(ls /etc/mysql/tls/*.crt)")
    assert shop.on("web-2", "sh", "-c", f"{with_tls} -NBe 'SELECT 1' 2>&1 || true").strip() == "1"
