"""Hosts of a fleet that do one thing each are lost: the one that keeps the data, then the one that routes.

Both ran Debian 12 and come back at other addresses on Debian 13: PostgreSQL 15 into 17, MariaDB 10.11 into 11.8,
Redis 7 into 8. Of the one that routes nothing is in any backup, its certificate neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from orchestrator.sandbox import record
from orchestrator.sandbox.machine import Machine
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox
from tests.support.acme import DIRECTORY_URL, PORT, Authority
from tests.support.machines import Machines
from tests.support.node_apps import bundle
from tests.support.visitors import Secure, ask
from tests.support.vps import Project

pytestmark = [pytest.mark.sandbox, pytest.mark.full]

NAME = "e2e-apart-lost"
LB, DB, WEB, NEW_DB, NEW_LB = (f"web-{n}" for n in range(1, 6))
"""The machines, all on one network: the first two have Debian 12, the others 13."""
DOMAIN = "shop.test"
CONFIG = f"""\
app: shop
domains: [{DOMAIN}]
tls: {{directory_url: "{DIRECTORY_URL}"}}
instances: 1
limits: {{memory: 128M}}
release: {{drain_seconds: 5, watch_seconds: 0}}
services: {{postgresql: {{memory: 128M}}, mariadb: {{memory: 128M, database: shop_more}}, redis: {{memory: 64M}}}}
backup: {{targets: {{disk: /mnt/backups}}, schedule: "0 3 1 1 *", drill: {{schedule: "0 5 1 1 *"}}}}
"""
POSTGRESQL = """\
CREATE EXTENSION pg_trgm;
CREATE TABLE orders (id bigserial PRIMARY KEY, name text, total numeric GENERATED ALWAYS AS (3) STORED);
INSERT INTO orders (name) SELECT 'order ' || n FROM generate_series(1, 1000) n;
CREATE INDEX ON orders USING gin (name gin_trgm_ops);
"""
MARIADB = """\
CREATE TABLE orders (id int PRIMARY KEY, name varchar(80));
INSERT INTO orders SELECT seq, concat('order ', seq) FROM seq_1_to_500;
CREATE TRIGGER loud BEFORE INSERT ON orders FOR EACH ROW SET NEW.name = upper(NEW.name);
"""


class Shop(Machines):
    """A fleet on one sandbox."""

    def at(self, host: str, script: str, stdin: str = "") -> str:
        """A shell's script as root, past SSH; it has to succeed."""
        done = sandbox.run(NAME, host, ["sh", "-ec", script], stdin=stdin, timeout_seconds=120)
        assert done.ok, f"{script}\n{done.stdout}{done.tail()}"
        return done.stdout.strip()

    def seen(self, host: str) -> dict[str, Any]:
        """What users get there on /, by HTTPS, with a certificate of the authority's."""
        secure = partial(Secure, self.addresses[host], DOMAIN, self.authority.root())
        found: dict[str, Any] = json.loads(ask(secure, Host=DOMAIN)[2])
        return found

    @property
    def authority(self) -> Authority:
        """On the host that serves, which checks names from there."""
        return Authority(Project(self.path, NAME), WEB, self.addresses[WEB], (LB, WEB, NEW_LB))

    def point(self, host: str) -> None:
        """Have the domain lead to a host."""
        for name in self.authority.names:
            self.authority.point(name, DOMAIN, self.addresses[host])


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """lb-1 routes, web-1 serves, db-1 keeps the data; provisioned and released."""
    place = tmp_path_factory.mktemp("apart")
    shop = Shop(place / "shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        try:
            _boot(shop)
            _write(shop)
            shop.authority.install()
            shop.authority.start()
            shop.point(LB)
            shop.run("provision", "host")
            shop.run("release", "--bundle", str(bundle(shop.path, "first")))
            yield shop
        finally:
            sandbox.down(NAME)


def _boot(shop: Shop) -> None:
    spec = SandboxSpec(name=NAME, hosts=2, debian=12, inventory_dir=shop.path / "machines" / NAME)
    sandbox.up(spec, shop.path)
    state = Machine().state
    made = record.load(state, NAME)
    assert made
    record.save(state, replace(made, debian=13))
    public = shop.login.with_suffix(".pub").read_text()
    for one in sandbox.up(replace(spec, hosts=5, debian=None), shop.path).hosts:
        shop.addresses[one.name] = one.address
        shop.at(one.name, "cat >> /root/.ssh/authorized_keys", public)


def _write(shop: Shop) -> None:
    (shop.path / "vpsdeploy.yml").write_text(CONFIG)
    stage = shop.path / "inventories" / "production"
    stage.mkdir(parents=True)
    login = f"ansible_user: root, ansible_ssh_private_key_file: {shop.login}"
    places = {"lb-1": LB, "web-1": WEB, "db-1": DB}
    hosts = "".join(
        f"    {host}: {{ansible_host: {shop.addresses[machine]}, {login}}}\n"
        for host, machine in places.items()
    )
    groups = "".join(
        f"    {group}: {{hosts: {{{host}: {{}}}}}}\n"
        for group, host in (("loadbalancer", "lb-1"), ("app", "web-1"), ("data", "db-1"))
    )
    variables = f"  vars: {{firewall_allow: [{{port: {PORT}}}]}}\n"
    (stage / "hosts.yml").write_text(f"all:\n{variables}  children:\n{groups}  hosts:\n{hosts}")
    known = tuple(f"{shop.addresses[machine]} " for machine in places.values())
    lines = shop.host_keys(NAME).splitlines(keepends=True)
    (stage / "known_hosts").write_text("".join(line for line in lines if line.startswith(known)))


def test_the_host_that_keeps_the_data_comes_back_on_a_newer_debian(shop: Shop) -> None:
    """Every row, into the newer servers; the app is given the new address without being built."""
    shop.run("db", "console", "postgresql", stdin=POSTGRESQL)
    shop.run("db", "console", "mariadb", stdin=MARIADB)
    shop.run("db", "console", "redis", stdin="SET kept yes\n")
    shop.run("backup", "now", "--host", "db-1")
    before, disk = shop.seen(LB)["release"], shop.at(DB, "tar -C /mnt -cf - backups | base64 -w0")
    shop.at(NEW_DB, "base64 -d | tar -C /mnt -xf -", disk)
    sandbox.power_off(NAME, DB, hard=True)
    new = shop.addresses[NEW_DB]
    refused = shop.run("host", "rebuild", new, "--host", "db-1", code=5)
    assert f"vpsdeploy host rebuild {new} --host db-1 --accept-host-key SHA256:" in refused
    done = shop.json("host", "rebuild", new, "--host", "db-1", "--accept-new")
    assert (done["way"], done["release"][-8:]) == ("fleet", before[-8:])
    assert shop.seen(LB)["release"] == done["release"]
    asked = "SELECT count(*), current_setting('server_version') FROM orders WHERE name LIKE 'order %';\n"
    told = shop.run("db", "console", "postgresql", stdin=asked)
    assert "1000" in told
    assert " 17." in told
    told = shop.run("db", "console", "mariadb", stdin="SELECT count(*), version() FROM orders;\n")
    assert "500\t11." in told
    assert "yes" in shop.run("db", "console", "redis", stdin="GET kept\n")
    assert f"@{new}:5432/shop" in shop.run("env", "reveal", "DATABASE_URL")


def test_the_host_that_routes_comes_back_without_a_backup(shop: Shop) -> None:
    """There was none of it; it asks for a certificate, routes to what runs, and has backups from then on."""
    live = shop.seen(LB)["release"]
    shop.point(NEW_LB)
    sandbox.power_off(NAME, LB, hard=True)
    done = shop.json("host", "rebuild", shop.addresses[NEW_LB], "--host", "lb-1", "--accept-new")
    assert (done["backup"], done["way"], done["release"]) == (None, "fleet", live)
    assert shop.seen(NEW_LB)["release"] == live
    shop.run("release", "--bundle", str(bundle(shop.path, "second")))
    assert shop.seen(NEW_LB)["text"] == "second"
    shop.run("backup", "now")
    assert "rebuild" in shop.run("history", "--host", "lb-1")
