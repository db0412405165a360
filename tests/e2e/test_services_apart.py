"""Databases on a host of their own: the app reaches them by TLS, knows whom it talks to, and nobody else gets near."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support import newer_packages
from tests.support.node_apps import bundle, modules
from tests.support.visitors import Client, Clients, plain
from tests.support.vps import DEBIAN, Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

CONFIG = (
    "app: shop", "instances: 1", "release: {drain_seconds: 5, watch_seconds: 1}",
    "services: {postgresql: {memory: 128M}, mariadb: {memory: 128M, database: shop_more}, redis: {memory: 64M}}",
)  # fmt: skip
APP = """
const http = require('node:http');
const { Pool } = require('pg');
const { Redis } = require('ioredis');
const pool = new Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 5000 });
pool.on('error', () => {}); // an idle connection that ended is replaced
const redis = new Redis(process.env.REDIS_URL);
redis.on('error', () => {});
const mariadb = require('mysql2/promise').createPool(process.env.MYSQL_URL);
const answer = async () => {
  await pool.query('CREATE TABLE IF NOT EXISTS visits (n serial)');
  const { rows: [{ n }] } = await pool.query('INSERT INTO visits DEFAULT VALUES RETURNING n');
  const { rows: [row] } = await pool.query(
    'SELECT (SELECT count(*)::int FROM visits) AS stored, version AS tls '
    + 'FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  await mariadb.query('CREATE TABLE IF NOT EXISTS visits (n int AUTO_INCREMENT PRIMARY KEY)');
  const [{ insertId }] = await mariadb.query('INSERT INTO visits () VALUES ()');
  const [[{ more }]] = await mariadb.query('SELECT count(*) AS more FROM visits');
  const [[{ Value: mariadbTls }]] = await mariadb.query("SHOW SESSION STATUS LIKE 'Ssl_version'");
  const counted = await redis.incr('visits');
  return { ...row, n, insertId, counted, redis: redis.stream.getProtocol(), more, mariadbTls };
};
http.createServer(async (req, res) => {
  if (req.url !== '/visit') return res.end('ok');
  try { res.end(JSON.stringify(await answer())); } catch (error) { res.statusCode = 500; res.end(String(error)); }
}).listen(Number(process.env.PORT));
process.on('SIGTERM', () => process.exit(0));
"""

LATER: dict[str, Any] = {}


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


POSTGRESQL = {12: "15", 13: "17"}[DEBIAN]
DATABASES = (
    f"postgresql-{POSTGRESQL}", f"postgresql-client-{POSTGRESQL}", "mariadb-server", "mariadb-server-core",
    "redis-server", "redis-tools",
)  # fmt: skip
LIBRARY = {12: "libssl3", 13: "libssl3t64"}[DEBIAN]
"""All three servers run it, and none of their packages brings it."""

UNITS = {
    "postgresql": f"postgresql@{POSTGRESQL}-main.service",
    "mariadb": "mariadb.service",
    "redis": "redis-server.service",
}
SETTINGS = f"""
runuser -u postgres -- psql -XAtc "SHOW listen_addresses" -c "SHOW shared_buffers" -c "SHOW ssl"
mariadb -NBe "SELECT @@bind_address, @@innodb_buffer_pool_size, @@max_connections"
grep -h "^bind\\|^maxmemory\\|^tls" /etc/redis/redis.conf; ss -Hltn | awk '{{print $4}}' | sort
dpkg --verify {" ".join(DATABASES)} | sort
"""


def settings(project: Project) -> str:
    """What the servers were told by us, as they say; where somebody listens; which of their files were changed."""
    return project.on("web-2", "sh", "-ec", f"cd / && {SETTINGS}")


class Writer:
    """Asks the app for one more row in each database, all the while; what is not acknowledged is not counted."""

    def __init__(self, url: str) -> None:
        self.url, self.over, self.failed = url, threading.Event(), 0
        self.rows: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join(60)

    def _write(self) -> None:
        while not self.over.is_set():
            try:
                with urllib.request.urlopen(f"{self.url}visit", timeout=30) as answer:  # noqa: S310 - http, to our own sandbox
                    self.rows.append(json.load(answer))
            except OSError:
                self.failed += 1
            time.sleep(0.05)


def test_a_night_brings_what_restarts_no_database_and_leaves_the_rest(shop: Project) -> None:
    """Security updates of all three and of a library that they run: needrestart leaves the servers alone, too."""
    newer_packages.publish(shop, "web-2", [*DATABASES, LIBRARY])
    LATER["runs"], LATER["settings"] = newer_packages.runs(shop, "web-2", UNITS), settings(shop)
    shop.on("web-2", "sh", "-c", "apt-get -q update && unattended-upgrade")
    assert newer_packages.installed(shop, "web-2", [*DATABASES, LIBRARY]) == [LIBRARY]
    assert newer_packages.runs(shop, "web-2", UNITS) == LATER["runs"]
    told = [
        one
        for one in json.loads(shop.vpsdeploy("doctor", "--json").stdout)["findings"]
        if one["area"] == "web-2"
    ]
    texts = " ".join(one["text"] for one in told)
    assert "security updates of mariadb, postgresql, redis wait" in texts
    assert "files that updates have replaced still run in mariadb, postgresql, redis" in texts


def test_a_patch_restarts_no_database_unless_an_outage_is_allowed(shop: Project) -> None:
    """Refused before anything is touched; without a restart their packages are left out, and that is told."""
    refused = shop.run("host", "patch", "web-2", code=2)
    assert "it carries postgresql, mariadb, redis, which every instance uses" in refused
    assert "left out on web-2, because it restarts mariadb, postgresql, redis" in shop.run(
        "host", "patch", "web-2", "--no-reboot"
    )
    assert newer_packages.installed(shop, "web-2", DATABASES) == []
    assert newer_packages.runs(shop, "web-2", UNITS) == LATER["runs"]


def test_with_an_outage_every_server_is_the_newer_one_and_no_acknowledged_row_is_lost(shop: Project) -> None:
    """The app writes all the while; visitors that need no database do not notice; our settings are in force."""
    address = str(urlsplit(shop.url).hostname)
    with Clients([Client(plain(address))], pause_seconds=0.05) as visitors, Writer(shop.url) as writer:
        until(lambda: len(writer.rows) > 5)
        (patched,) = shop.json("host", "patch", "web-2", "--allow-outage")[-1]["hosts"]
        so_far = len(writer.rows)
        until(lambda: len(writer.rows) > so_far + 5)
    assert patched["restarted"] == ["mariadb", "postgresql", "redis"]
    assert (patched["rebooted"], patched["held"]) == (False, [])
    assert newer_packages.installed(shop, "web-2", DATABASES) == sorted(DATABASES)
    assert all(new != LATER["runs"][kind] for kind, new in newer_packages.runs(shop, "web-2", UNITS).items())
    assert {*visitors.seen} == {"200"}
    stored = shop.on(
        "web-2", "sh", "-c", "cd / && runuser -u postgres -- psql -XAtd shop -c 'SELECT n FROM visits'"
    )
    assert {one["n"] for one in writer.rows} - {int(n) for n in stored.split()} == set()
    stored = shop.on("web-2", "mariadb", "-NBe", "SELECT n FROM shop_more.visits")
    assert {one["insertId"] for one in writer.rows} - {int(n) for n in stored.split()} == set()
    assert asked(shop)["counted"] > max(one["counted"] for one in writer.rows)
    assert settings(shop) == LATER["settings"]
    services = shop.services()
    assert {kind: (one["running"], one["waits"]) for kind, one in services.items()} == dict.fromkeys(
        UNITS, (True, [])
    )
    again = shop.json("host", "patch", "--check")[-1]["hosts"]
    assert not {*UNITS.values()} & {unit for host in again for unit in host["stale"]}
    result = shop.json("provision", "host")[-1]
    assert [(host["audited"], host["module_calls"]) for host in result["hosts"]] == [(True, 0)] * 2
