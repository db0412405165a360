"""Backups on a real host: rows are written meanwhile, the database is lost, and every row that was committed is back.

To a directory and to an SFTP server, whose host key, port and login are its own. What goes wrong on the host alone
(wrong password, full and damaged targets, a killed run) is molecule/backup/verify.sh's.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import hostile, shapes, writer
from tests.support.box import Box
from tests.support.canaries import Canaries
from tests.support.vps import Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = pytest.mark.sandbox

NAME, HOST = "e2e-backup", "web-1"
CONFIG = """\
app: shop
instances: 1
limits: {{memory: 128M}}
shared: [uploads]
services: {{postgresql: {{memory: 256M}}, redis: {{memory: 64M}}}}
backup:
  targets:
    disk: /mnt/backups
    box: {box}
  schedule: "0 3 1 1 *"
  exclude: [uploads/cache]
  drill: {{schedule: "0 5 1 1 *", assertions: [{{query: SELECT count(*) FROM orders, at_least: 10}},
                       {{query: SELECT max(made_at) FROM orders, newer_than_hours: 1}}]}}
"""
PREPARED = """
set -eu
cd /
runuser -u postgres -- psql -q -d shop -c 'CREATE TABLE orders (id bigserial PRIMARY KEY, note text,
made_at timestamptz DEFAULT clock_timestamp()); CREATE TABLE lines (order_id bigint REFERENCES orders, n int);
ALTER TABLE orders OWNER TO shop; ALTER TABLE lines OWNER TO shop'
"""
CLIENT = ["runuser", "-u", "postgres", "--", "psql", "-qAtX", "-d", "shop"]
ORDER = """WITH o AS (INSERT INTO orders (note) VALUES (repeat('x', 2000)) RETURNING id), l AS (INSERT INTO lines
SELECT id, n FROM o, generate_series(1, 3) n RETURNING order_id) SELECT DISTINCT order_id FROM l;"""


class Shop:
    """The project, its canaries and its storage box, and what its commands have printed."""

    def __init__(self, project: Project, canaries: Canaries, box: Box) -> None:
        self.project, self.canaries, self.box = project, canaries, box
        self.printed = ""

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run a command, which has to end so."""
        printed = self.project.run(*arguments, stdin=stdin, code=code)
        self.printed += printed
        return printed

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run with --json: the result, which has the documented shape."""
        result: dict[str, Any] = json.loads(self.run(*arguments, "--json").splitlines()[-1])
        assert shapes.differences(shapes.examples()[result["kind"]], result) == []
        return result

    def on(self, script: str) -> str:
        """A shell's script on the host, as root."""
        return self.project.on(HOST, "sh", "-ec", script).strip()

    def sql(self, text: str) -> str:
        """An answer of the database."""
        return self.on(f'cd / && runuser -u postgres -- psql -qAtX -d shop -c "{text}"')

    def redis(self, *words: str) -> str:
        """An answer of Redis, asked as its administrator."""
        login = '. /etc/vpsdeploy/services/redis.env; export REDISCLI_AUTH; redis-cli -s "$REDIS_SOCKET"'
        return self.on(f'{login} --user "$REDIS_USER" {" ".join(words)}')

    def target(self, name: str) -> dict[str, Any]:
        """What `status` says of a target."""
        (host,) = self.json("status")["hosts"]
        found: dict[str, Any] = next(one for one in host["backup"]["targets"] if one["name"] == name)
        return found


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A provisioned host with PostgreSQL and Redis, and an SFTP server that is not ours."""
    place = tmp_path_factory.mktemp("backup")
    box = Box.of(place, "127.0.0.1")
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(place / "shop", NAME, config=[CONFIG.format(box=box.target)]) as project,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        shop = Shop(project, Canaries(), box)
        shop.run("backup", "set", "RESTIC_PASSWORD", stdin=f"{shop.canaries.word}\n")
        shop.run("provision", "host")
        shop.on(PREPARED)
        box.start(shop.on)
        box.admit(shop.on, shop.json("backup", "keys")["public_key"])
        shop.on(
            "cd /srv/shop/shared/uploads; seq 1000 > a.txt; mkdir cache; echo x > cache/x; chown -R shop:shop ."
        )
        yield shop


def test_a_provisioned_host_backs_up_by_itself(shop: Shop) -> None:
    """Both timers are armed; until something was restored it is unproven, and `status` says so."""
    armed = shop.on("systemctl list-timers --all --no-legend | grep -c 'vpsdeploy-backup'")
    assert armed == "2"
    assert "disk has no backup yet" in shop.run("status")
    assert shop.target("box")["good"] is None


def test_every_row_that_was_committed_comes_back(shop: Shop) -> None:
    """Rows are written meanwhile, the database is dropped: all that was committed before the dump is there, whole."""
    shop.redis("eval", '\'for i = 1, 300 do redis.call("set", "k" .. i, i) end\'', "0")
    shop.on(writer.begin(CLIENT, ORDER))
    time.sleep(2)
    with shop.canaries.watched_for() as seen:
        made = shop.json("backup", "now")
        time.sleep(1)
    assert seen == []
    assert [one["name"] for one in made["hosts"][0]["backup"]["targets"]] == ["disk", "box"]
    assert "unproven" in shop.run("backup", "list")
    drilled = shop.json("backup", "drill")["hosts"][0]["backup"]
    assert [(one["drilled"]["checks"], one["drilled"]["rows"] > 40) for one in drilled["targets"]] == [
        (2, True)
    ] * 2
    assert drilled["troubles"] == []
    shop.on(writer.END)
    state = json.loads(shop.on("cat /var/lib/vpsdeploy/shop/backup/state.json"))
    taken_at = state["targets"]["box"]["good"]["at"]
    shop.on("cd / && runuser -u postgres -- psql -qc 'DROP DATABASE shop WITH (FORCE)'")
    shop.run("backup", "restore", "--database", "shop", "--target", "box")
    committed = writer.committed(shop.on(f"cat {writer.LOG}"))
    before = {number for number, at in committed.items() if at < taken_at}
    back = {int(number) for number in shop.sql("SELECT id FROM orders").split()}
    assert len(before) > 10
    assert before <= back
    assert back == set(range(1, max(back) + 1)), "a hole"
    torn = "SELECT count(*) FROM (SELECT order_id FROM lines GROUP BY 1 HAVING count(*) <> 3) torn"
    assert shop.sql(torn) == "0"
    assert shop.sql("SELECT count(DISTINCT order_id) FROM lines") == str(len(back))


def test_a_table_and_a_file_come_back(shop: Shop) -> None:
    """Beside the real table; in place of it only with --force; a file where it was, as the app's own."""
    rows = int(shop.sql("SELECT count(*) FROM lines"))
    shop.sql("DELETE FROM lines")
    shop.run("backup", "restore", "--table", "lines")
    assert shop.sql("SELECT count(*) FROM lines") == "0"
    back = shop.json("backup", "restore", "--table", "lines", "--force")
    assert (int(shop.sql("SELECT count(*) FROM lines")), len(back["kept"])) == (rows, 1)
    shop.on("rm /srv/shop/shared/uploads/a.txt")
    shop.run("backup", "restore", "--path", "uploads/a.txt")
    assert (
        shop.on("tail -1 /srv/shop/shared/uploads/a.txt; stat -c %U /srv/shop/shared/uploads/a.txt")
        == "1000\nshop"
    )
    shown = shop.json("backup", "show", "--below", "/srv/shop/shared/uploads")
    assert [Path(one["path"]).name for one in shown["files"]] == ["a.txt"]
    assert {one["database"]: sorted(one["rows"]) for one in shown["databases"]} == {
        "shop": ["public.lines", "public.orders"], "redis": ["keys"]
    }  # fmt: skip


def test_no_row_is_lost_while_a_table_is_replaced(shop: Shop) -> None:
    """Who writes meanwhile waits: each row is in the table afterwards, or in the dump of what was there before."""
    shop.on(f"rm {writer.LOG}; {writer.begin(CLIENT, ORDER)}")
    until(lambda: int(shop.on(writer.COUNT)) > 50)
    back = shop.json("backup", "restore", "--table", "lines", "--force")
    so_far = int(shop.on(writer.COUNT))
    until(lambda: int(shop.on(writer.COUNT)) > so_far)
    shop.on(writer.END)
    dump = back["kept"][0].rpartition(": ")[2]
    kept = shop.on(f"pg_restore --data-only --table=lines --file=- {dump} | grep -P '^\\d+\\t' | cut -f1")
    live = shop.sql("SELECT order_id FROM lines")
    committed = writer.committed(shop.on(f"cat {writer.LOG}"))
    assert committed.keys() - {int(number) for number in (kept + " " + live).split()} == set()


def test_a_database_in_use_is_replaced_only_with_force(shop: Shop) -> None:
    """And then what was there is a dump that can be restored."""
    shop.sql("INSERT INTO orders (note) VALUES ('later'); ALTER DATABASE shop SET search_path = public, x")
    refused = shop.run("backup", "restore", "--database", "shop", code=2)
    assert "the database shop is in use" in refused
    back = shop.json("backup", "restore", "--database", "shop", "--force")
    assert shop.sql("SELECT count(*) FROM orders WHERE note = 'later'") == "0"
    assert shop.sql("SHOW search_path") == "public, x"
    dump = back["kept"][0].rpartition(": ")[2]
    assert "later" in shop.on(f"pg_restore --data-only --table=orders --file=- {dump} | grep later")
    beside = shop.json("backup", "restore", "--database", "shop", "--into", "shop_beside")
    assert beside["restored"][0].startswith("database shop_beside: ")


def test_redis_comes_back_while_it_runs(shop: Shop) -> None:
    """What was written since is gone from it, and kept in a dump; without --force nothing happens."""
    shop.redis("flushall")
    shop.redis("set", "later", "1")
    assert "the data of Redis are in use" in shop.run("backup", "restore", "--database", "redis", code=2)
    back = shop.json("backup", "restore", "--database", "redis", "--force")
    assert back["restored"] == ["redis: 300 keys"]
    assert (shop.redis("get", "k300"), shop.redis("exists", "later")) == ("300", "0")


def test_a_database_goes_into_a_file_and_comes_back(shop: Shop) -> None:
    """In the format that every pg_restore reads; a file that was cut never takes the database's place."""
    rows = shop.sql("SELECT count(*) FROM orders")
    file = shop.project.path / "shop.dump"
    assert shop.json("db", "dump", "shop.dump")["bytes"] == file.stat().st_size
    shop.sql("DELETE FROM lines")
    assert "is in use" in shop.run("db", "load", "shop.dump", code=2)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "shop is as it was" in shop.run("db", "load", "shop.dump", "--force", code=11)
    assert shop.sql("SELECT count(*) FROM lines") == "0"
    file.write_bytes(whole)
    assert len(shop.json("db", "load", "shop.dump", "--force")["kept"]) == 1
    assert shop.sql("SELECT count(DISTINCT order_id) FROM lines") == rows


def test_what_a_dump_says_is_nowhere_done_as_the_administrator(shop: Shop) -> None:
    """Not while rows are counted, in drills, restores and loads; extensions come back, and all is the app's."""
    shop.on(hostile.SCRIPT)
    shop.run("backup", "now")
    shop.run("backup", "drill")
    shop.run("backup", "restore", "--database", "shop", "--force")
    shop.run("backup", "restore", "--table", "trap", "--force")
    shop.run("db", "dump", "trap.dump")
    file = shop.project.path / "trap.dump"
    file.write_bytes(hostile.changed(file.read_bytes(), b"ALTER ROLE shop SUPERUSER;"))
    refused = " ".join(shop.run("db", "load", file.name, "--force", code=11).split())
    assert "needs the server's administrator" in refused
    assert shop.sql("SELECT rolname FROM pg_roles WHERE rolsuper OR rolname ~ 'guest'") == "postgres"
    assert shop.on("find /var/lib/postgresql -name seized") == ""
    assert shop.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == "shop"
    shop.sql(hostile.GONE)


@pytest.mark.parametrize("owned", [False, True])
def test_a_guest_that_a_killed_run_has_left_goes_with_the_next_backup(shop: Shop, owned: bool) -> None:
    """The role alone, as a dump leaves it, or with what drills and restores of a table make."""
    shop.sql("CREATE ROLE vpsdeploy_guest LOGIN; GRANT CONNECT ON DATABASE shop TO vpsdeploy_guest")
    if owned:
        shop.sql("CREATE DATABASE left_over OWNER vpsdeploy_guest")
        shop.sql("CREATE SCHEMA left_over AUTHORIZATION vpsdeploy_guest CREATE TABLE lines (id int)")
    shop.run("backup", "now")
    names = "rolname FROM pg_roles", "datname FROM pg_database", "nspname FROM pg_namespace"
    left = shop.sql(" UNION ".join(f"SELECT {name}" for name in names)).split()
    assert not {"vpsdeploy_guest", "left_over"} & set(left)


def test_a_target_that_is_gone_is_told_and_the_other_has_its_backup(shop: Shop) -> None:
    """With an exit code of its own, in `status`, and until it is better."""
    shop.box.stop(shop.on)
    failed = shop.run("backup", "now", code=11)
    assert "box: the backup failed (box): the target cannot be reached" in failed
    assert "state: stored at disk" in failed
    assert "the last backup failed" in shop.run("status")
    shop.box.again(shop.on)
    shop.run("backup", "now")
    assert "the last backup failed" not in shop.run("status")
    assert len(shop.json("backup", "list")["repositories"][0]["snapshots"]) >= 1
    shop.run("backup", "prune")
    shop.run("backup", "verify", "--part", "50%")


def test_the_keys_are_nowhere_else(shop: Shop) -> None:
    """On the host in a file of root's, in the repository encrypted, and in nothing that was printed or logged."""
    word = shop.canaries.word
    assert not shop.canaries.found_in(shop.printed.encode())
    assert shop.run("backup", "reveal", "RESTIC_PASSWORD") == word
    places = (shop.project.path, Path(os.environ["XDG_CONFIG_HOME"]))
    assert shop.canaries.files_below(*places) == []
    holders = shop.on(
        f"grep -rlF {word} /etc /var /srv /root /run /home /tmp 2>/dev/null || true"
    ).splitlines()
    assert holders == ["/etc/vpsdeploy/backup/shop/password"]
    assert shop.on(f"journalctl --no-pager -q | grep -cF {word} || true") == "0"


def test_provisioning_again_changes_nothing(shop: Shop) -> None:
    """Keys that are there are no difference; backups that are turned off stop, and what was stored stays."""
    host = shop.json("provision", "host")["hosts"][0]
    assert (host["audited"], host["notices"]) == (True, [])
    config = shop.project.path / "vpsdeploy.yml"
    config.write_text(config.read_text().partition("backup:")[0])
    shop.run("provision", "host")
    assert shop.on("systemctl list-timers --no-legend | grep -c vpsdeploy-backup || true") == "0"
    assert shop.json("status")["hosts"][0]["backup"] is None
    assert shop.on("ls /mnt/backups/shop/e2e-backup/web-1/snapshots | wc -l") != "0"
