"""PostgreSQL becomes a newer major version, on a host of a newer Debian, and goes back.

Every command of docs/runbooks/database-upgrade.md is executed, while a NestJS app and something beside it write.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.sandbox import record
from orchestrator.sandbox.machine import Machine
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox
from tests.support import nest_projects, runbook
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.npm, pytest.mark.full]

NAME, OLD, NEW = "e2e-upgrade", "web-1", "web-2"
"""The machines; in the inventory the newer one is db-1."""
RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "database-upgrade.md"
CONFIG = """\
app: shop
instances: 1
limits: {memory: 256M}
health: {path: /health/live}
release: {drain_seconds: 5, watch_seconds: 1}
services: {postgresql: {memory: 192M, host: web-1}}
backup: {targets: {disk: /mnt/backups}, schedule: "0 3 1 1 *", drill: {schedule: "0 5 1 1 *"}}
"""
INVENTORY = """\
all:
  vars: {login}
  children:
    app: {{hosts: {{web-1: {{}}}}}}
    loadbalancer: {{hosts: {{web-1: {{}}}}}}
    # new: data: {{hosts: {{db-1: {{}}}}}}
  hosts:
    web-1: {{ansible_host: {old}}}
    # new: db-1: {{ansible_host: {new}}}
"""
CONTROLLER = """
import { Controller, Get, Post } from '@nestjs/common';
import { Pool } from 'pg';

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
pool.on('error', () => undefined); // connections that the server has ended
const ready = pool.query('CREATE TABLE IF NOT EXISTS notes (id serial PRIMARY KEY, made_by text NOT NULL)');
ready.catch(() => undefined);

@Controller()
export class AppController {
  @Get('notes')
  async list(): Promise<unknown> {
    const { rows } = await pool.query(
      "SELECT current_setting('server_version') AS version, (SELECT json_agg(id ORDER BY id) FROM notes) AS ids");
    return rows[0];
  }

  @Post('notes')
  async add(): Promise<{ id: number }> {
    await ready;
    const { rows } = await pool.query("INSERT INTO notes (made_by) VALUES ('app') RETURNING id");
    return rows[0] as { id: number };
  }
}
"""
BESIDE = """\
cat > /root/beside.sh <<'SH'
while :; do
  id=$(psql -qAtX "$1" -c "INSERT INTO notes (made_by) VALUES ('beside') RETURNING id") &&
    echo "$id" >> /root/committed
  sleep 0.2
done
SH
systemd-run --quiet --unit=beside sh /root/beside.sh "$1"
"""
UPGRADED_DEBIAN = """\
sed -i 's/"version": "17"/"version": "15"/' /etc/vpsdeploy/services/postgresql.json
mkdir -p /var/lib/postgresql/15/main
echo 15 > /var/lib/postgresql/15/main/PG_VERSION
"""
BACK_AGAIN = """\
sed -i 's/"version": "15"/"version": "17"/' /etc/vpsdeploy/services/postgresql.json
rm -r /var/lib/postgresql/15
"""


class Shop(Project):
    """web-1 has Debian 12 and everything; db-1 has Debian 13, and nothing."""

    def follow(self, title: str) -> None:
        """Every command of a section of the runbook, as a person's shell would run it."""
        found = re.search(rf"^## {title}$(.*?)(^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
        assert found, title
        blocks = runbook.commands(found[1])
        assert blocks, "a section without commands"
        environment = {**os.environ, "PATH": f"{VPSDEPLOY.parent}{os.pathsep}{os.environ['PATH']}"}
        for block in blocks:
            script = block.script.replace("ssh admin@", f"ssh -F {self.path.parent}/ssh_config admin@")
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", script], cwd=self.path, env=environment, capture_output=True,
                text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS, check=False,
            )  # fmt: skip
            assert done.returncode in block.codes, f"{script}\n{done.stdout}\n{done.stderr}"

    def notes(self, *, add: bool = False) -> dict[str, Any]:
        """What the app has stored, or one more, through nginx."""
        address = yaml.safe_load(self.inventory.read_text())["all"]["hosts"]["web-1"]["ansible_host"]
        url = f"http://{address}/notes"
        with urllib.request.urlopen(url, b"" if add else None, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    @contextlib.contextmanager
    def visited(self) -> Iterator[list[int]]:
        """Users go on writing for as long as the block runs. Yields: what the app has told them that it has."""
        kept, ended = list[int](), threading.Event()

        def write() -> None:
            while not ended.wait(0.2):
                # While the door is closed, or the database is, nothing is promised.
                with contextlib.suppress(OSError, http.client.HTTPException):
                    kept.append(self.notes(add=True)["id"])

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield kept
        finally:
            ended.set()
            thread.join()


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Provisioned and released on PostgreSQL 15; beside the app something writes that nginx knows nothing of."""
    place = tmp_path_factory.mktemp("upgrade")
    nest_projects.example(place / "shop", ("pg@8", "@types/pg@8"), {"src/app.controller.ts": CONTROLLER})
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(place / "shop", NAME, debian=12, config=[CONFIG]) as made,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        shop = Shop(made.path, made.name)
        _with_a_newer_host(shop)
        shop.run("provision", "host")
        shop.run("release")
        shop.notes(add=True)
        url = shop.run("env", "reveal", "DATABASE_URL").strip()
        shop.on(OLD, "sh", "-ec", BESIDE, "sh", url)
        yield shop


def _with_a_newer_host(shop: Shop) -> None:
    """A machine of the next Debian on the same network, which the inventory does not have yet."""
    state = Machine().state
    made = record.load(state, NAME)
    assert made
    record.save(state, replace(made, debian=13))
    found = sandbox.up(SandboxSpec(name=NAME, hosts=2), shop.path)
    old, new = (host.address for host in found.hosts)
    login = yaml.safe_load(shop.inventory.read_text())["all"]["vars"]
    shop.inventory.write_text(INVENTORY.format(login=json.dumps(login), old=old, new=new))
    shop.path.with_name("ssh_config").write_text(
        f"Host web-1\n  HostName {old}\nHost db-1\n  HostName {new}\nHost *\n  BatchMode yes\n"
        f"  IdentityFile {login['ansible_ssh_private_key_file']}\n"
        f"  UserKnownHostsFile {shop.inventory.with_name('known_hosts')}\n"
    )


def test_whatever_was_committed_is_in_the_newer_version(shop: Shop) -> None:
    """By users and beside them, until the moment when the old database was closed; users go on writing afterwards."""
    assert shop.notes()["version"].startswith("15.")
    with shop.visited() as kept:
        until(lambda: len(kept) > 5)
        shop.follow("The upgrade")
        before = len(kept)
        until(lambda: len(kept) > before + 5)
    shop.on(OLD, "systemctl", "stop", "beside")
    beside = {int(line) for line in shop.on(OLD, "cat", "/root/committed").split()}
    now = shop.notes()
    assert now["version"].startswith("17.")
    assert len(beside) > 5
    assert set(now["ids"]) >= {*kept, *beside}


def test_a_backup_of_the_older_version_comes_back_in_the_newer(shop: Shop, tmp_path: Path) -> None:
    """Out of the old host's repository, by restic alone; loaded beside the real database."""
    word = shop.run("backup", "reveal", "RESTIC_PASSWORD").strip()
    script = f"""
    export RESTIC_PASSWORD="$1" RESTIC_REPOSITORY=/mnt/backups/shop/{NAME}/web-1
    restic -q dump latest "$(restic -q ls latest | grep 'shop[.]dump$')" | base64 -w0
    """
    file = tmp_path / "old.dump"
    file.write_bytes(base64.b64decode(shop.on(OLD, "sh", "-ec", script, "sh", word)))
    shop.run("db", "load", str(file), "--into", "shop_restored", "--host", "db-1")
    count = "cd / && runuser -u postgres -- psql -qAtX -d shop_restored -c 'SELECT count(*) > 0 FROM notes'"
    assert shop.on(NEW, "sh", "-ec", count).strip() == "t"


def test_a_host_whose_debian_was_upgraded_in_place_is_refused(shop: Shop) -> None:
    """As it looks then: the app's data are in a cluster of the older version. No empty database is set up."""
    shop.on(NEW, "sh", "-ec", UPGRADED_DEBIAN)
    try:
        said = shop.run("provision", "host", "db-1", code=7)
        assert "the app's data are in version 15 (/var/lib/postgresql/15/main), and Debian 13 has 17" in said
        assert "database-upgrade.md" in said
        told = shop.services()["postgresql"]
        assert (told["running"], "it is 17, and the app's data are in 15" in told["why"]) == (False, True)
    finally:
        shop.on(NEW, "sh", "-ec", BACK_AGAIN)
    assert shop.notes()["version"].startswith("17.")


def test_the_way_back_keeps_what_was_added_meanwhile(shop: Shop) -> None:
    """On the old version again, with every row that users were promised; new ones go on from there."""
    with shop.visited() as kept:
        until(lambda: len(kept) > 5)
        shop.follow("The way back")
        before = len(kept)
        until(lambda: len(kept) > before + 5)
    now = shop.notes()
    assert now["version"].startswith("15.")
    assert set(now["ids"]) >= set(kept)
    assert (shop.path / "since.dump").stat().st_size > 0
    told = shop.services()["postgresql"]
    assert (told["host"], told["running"]) == ("web-1", True)
