"""MariaDB under an app on a real host: it stores rows by DATABASE_URL, the database is lost, and every row is back."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import writer
from tests.support.node_apps import bundle, modules
from tests.support.selection import sample
from tests.support.vps import Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]

HOST = "web-1"
CONFIG = """\
app: shop
instances: 1
release: {drain_seconds: 5, watch_seconds: 1}
services: {mariadb: {memory: 256M}}
backup:
  targets: {disk: /mnt/backups}
  schedule: "0 3 1 1 *"
  drill: {schedule: "0 5 1 1 *", assertions: [{query: SELECT count(*) FROM notes, at_least: 100}]}
"""
APP = """
const http = require('node:http');
const pool = require('mysql2/promise').createPool(process.env.DATABASE_URL);
const answer = async () => {
  await pool.query('CREATE TABLE IF NOT EXISTS notes (id int AUTO_INCREMENT PRIMARY KEY, text text NOT NULL)');
  await pool.execute('INSERT INTO notes (text) VALUES (?)', ['Grüße, 🍣: it\\'s \\\\ "here"\\n']);
  const [[row]] = await pool.query('SELECT count(*) AS stored, max(text) AS text, @@version AS version FROM notes');
  return row;
};
http.createServer(async (req, res) => {
  if (req.url !== '/note') return res.end('ok');
  try { res.end(JSON.stringify(await answer())); } catch (error) { res.statusCode = 500; res.end(String(error)); }
}).listen(Number(process.env.PORT));
process.on('SIGTERM', () => process.exit(0));
"""
TEXT = 'Grüße, 🍣: it\'s \\ "here"\n'


class Shop:
    """The project, and what its commands have printed."""

    def __init__(self, project: Project) -> None:
        self.project, self.printed = project, ""

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """A command, which has to end so; all that it printed."""
        printed = self.project.run(*arguments, stdin=stdin, code=code)
        self.printed += printed
        return printed

    def sql(self, text: str) -> str:
        """An answer of the server, asked as root."""
        return self.project.on(HOST, "mariadb", "-NBe", text).strip()

    def note(self) -> dict[str, Any]:
        """One more row, through nginx."""
        with urllib.request.urlopen(f"{self.project.url}note", timeout=10) as answer:  # noqa: S310 - http, to our own sandbox
            found: dict[str, Any] = json.load(answer)
        return found

    def stored(self) -> int:
        """How many rows there are after one more; its open connections may have ended."""
        answers = list[int]()

        def answered() -> bool:
            with contextlib.suppress(urllib.error.HTTPError):
                answers.append(self.note()["stored"])
            return bool(answers)

        until(answered)
        return answers[-1]


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A provisioned host with the app released onto it."""
    place = tmp_path_factory.mktemp("mariadb")
    driver = modules(place / "driver", "mysql2@3")
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_sandbox(place / "shop", "e2e-mariadb", config=[CONFIG]) as project,
    ):
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        made = Shop(project)
        made.run("provision", "host")
        made.run(
            "release", "--bundle", str(bundle(project.path, "one", more={**driver, "dist/main.js": APP}))
        )
        yield made


def test_the_app_stores_by_its_url(shop: Shop) -> None:
    """Letters of every kind come back as they were sent; the connection is its own user's, the password is nowhere."""
    first, second = shop.note(), shop.note()
    assert (first["stored"], second["stored"], second["text"]) == (1, 2, TEXT)
    assert re.match(r"1[01]\.", second["version"])
    service = shop.project.services()["mariadb"]
    assert (service["running"], service["waits"], service["why"]) == (True, [], "")
    assert service["connections"] >= 1
    url = shop.run("env", "reveal", "DATABASE_URL").strip()
    assert re.fullmatch(r"mysql://shop:[A-Za-z0-9_-]{43}@127\.0\.0\.1:3306/shop", url)
    password = url.partition(":")[2].partition(":")[2].partition("@")[0]
    found = shop.project.on(
        HOST, "sh", "-c", f"grep -rlF {password} /var/log /run /var/lib/mysql /tmp || true"
    )
    assert found.split() == []


def test_a_second_time_nothing_changes(shop: Shop) -> None:
    """Accounts, database and limits are asked for once, and are as they should be."""
    result = shop.project.json("provision", "host")[-1]
    assert (result["hosts"][0]["audited"], result["hosts"][0]["module_calls"]) == (True, 0)
    assert [one["changed"] for one in result["services"]] == [[]]


def test_people_get_in_as_the_app(shop: Shop) -> None:
    """The client is the server's own; what it may not do as the app it may not do here."""
    assert shop.run("db", "console", stdin="SELECT count(*) FROM notes;\n").split()[-1] == "2"
    refused = shop.run("db", "console", "mariadb", stdin="CREATE USER x;\n", code=1)
    assert "Access denied" in refused
    assert "ready for connections" in shop.run("logs", "--service", "mariadb")


def traces(shop: Shop) -> str:
    """What provisioning leaves on a host."""
    looked = "dpkg-query -W; ls -A /etc/apt/* /etc/vpsdeploy/* /var/lib/vpsdeploy; getent passwd"
    return shop.project.on(HOST, "sh", "-c", looked)


def test_a_makers_repository_out_of_reach_is_told_before_anything_is_changed(
    shop: Shop, tmp_path: Path
) -> None:
    """MongoDB's, at a mirror that nobody has (RFC 2606): which address, why, and the three ways out."""
    other = shop.project.twin(tmp_path)
    both = CONFIG.replace("services: {mariadb", "services: {mongodb: {memory: 512M}, mariadb")
    (other.path / "vpsdeploy.yml").write_text(both)
    settings = other.inventory.parent / "group_vars/all.yml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("mongodb_repository_key: https://mirror.invalid/mongodb/server-8.0.asc\n")
    before = traces(shop)
    printed = other.run("provision", "host", code=7)
    for part in (
        "the host cannot be provisioned, and nothing on it was changed: mongodb comes from",
        "https://mirror.invalid/mongodb/server-8.0.asc cannot be reached from the host",
        "Let the host out to mirror.invalid", "mongodb_repository_url", "a service that Debian has",
        "mongodb is in no backup",
    ):  # fmt: skip
        assert part in printed
    assert traces(shop) == before


def test_every_row_is_back_after_the_database_is_lost(shop: Shop) -> None:
    """Backed up, proven, dropped, restored; the app goes on where it was, without being restarted."""
    shop.sql("INSERT INTO shop.notes (text) SELECT concat('row ', seq) FROM shop.notes, shop.seq_1_to_1000")
    before = shop.sql("SELECT count(*), sum(crc32(text)), max(id) FROM shop.notes")
    shop.run("backup", "now")
    shop.run("backup", "drill")
    assert "unproven" not in shop.run("backup", "list")
    shop.sql("DROP DATABASE shop")
    shop.run("backup", "restore", "--database", "shop")
    assert shop.sql("SELECT count(*), sum(crc32(text)), max(id) FROM shop.notes") == before
    assert shop.stored() == 2003


def test_a_table_comes_back_beside_and_a_database_only_with_force(shop: Shop) -> None:
    """What is in use is not touched unasked; what was there is kept."""
    shop.sql("DELETE FROM shop.notes WHERE id > 10")
    shop.run("backup", "restore", "--table", "notes")
    assert shop.sql("SELECT count(*) FROM shop.notes") == "10"
    assert "the database shop is in use" in shop.run("backup", "restore", "--database", "shop", code=2)
    assert "kept: shop as it was before" in shop.run("backup", "restore", "--database", "shop", "--force")
    assert shop.sql("SELECT count(*) FROM shop.notes") == "2002"
    assert shop.stored() == 2003


def test_a_database_goes_into_a_file_and_comes_back(shop: Shop) -> None:
    """Every client reads the file; one that was cut, or names another database, never takes the real one's place."""
    shop.run("db", "dump", "shop.sql")
    file = shop.project.path / "shop.sql"
    whole = file.read_bytes()
    assert b"-- Dump completed" in whole[-200:]
    shop.sql("DELETE FROM shop.notes")
    file.write_bytes(whole[: len(whole) // 2])
    assert "it has no end" in shop.run("db", "load", "shop.sql", "--force", code=11)
    file.write_bytes(whole.replace(b"-- Dump completed", b"USE shop;\nDROP TABLE notes;\n-- Dump completed"))
    assert "is not of one database alone" in shop.run("db", "load", "shop.sql", "--force", code=11)
    assert shop.sql("SELECT count(*) FROM shop.notes") == "0"
    file.write_bytes(whole)
    shop.run("db", "load", "shop.sql", "--force")
    assert shop.sql("SELECT count(*) FROM shop.notes") == "2003"


ENGINES = {
    "InnoDB": "ENGINE = InnoDB",
    "Aria": "ENGINE = Aria",
    "MyISAM": "ENGINE = MyISAM",
    "MEMORY": "MODIFY text varchar(64) NOT NULL, ENGINE = MEMORY",  # which has no texts of any length
}


@pytest.mark.parametrize("engine", sample(ENGINES, ("InnoDB", "Aria")))
def test_no_row_is_lost_while_a_table_is_replaced(shop: Shop, engine: str) -> None:
    """Who writes meanwhile waits: each row is in the table afterwards, or in the dump of what was there before.

    Rows are locked where the engine has transactions, else the table; no number comes twice.
    """
    on = functools.partial(shop.project.on, HOST, "sh", "-ec")
    shop.sql(f"ALTER TABLE shop.notes {ENGINES[engine]}")
    on(f"rm -f {writer.LOG}")
    note = "INSERT INTO notes (text) VALUES ('meanwhile'); SELECT LAST_INSERT_ID();"
    on(writer.begin(["mariadb", "-NB", "--unbuffered", "shop"], note))
    until(lambda: int(on(writer.COUNT)) > 50)
    back = shop.run("backup", "restore", "--table", "notes", "--force")
    so_far = int(on(writer.COUNT))
    until(lambda: int(on(writer.COUNT)) > so_far)
    on(writer.END)
    dump = back.partition("as it was before: ")[2].split()[0]
    kept = re.findall(r"^\((\d+),", on(f"cat {dump}"), re.MULTILINE)
    found = {int(number) for number in (*kept, *shop.sql("SELECT id FROM shop.notes").split())}
    log = on(f"cat {writer.LOG}")
    assert writer.committed(log).keys() - found == set()
    assert len(writer.committed(log)) == len(log.splitlines())


def test_a_table_that_cannot_be_locked_is_left_alone(shop: Shop) -> None:
    """One of an engine that keeps no writer out: refused with what there is, its rows are as they were."""
    shop.sql("CREATE TABLE shop.plain (n int NOT NULL) ENGINE = CSV; INSERT INTO shop.plain VALUES (1)")
    shop.run("backup", "now")
    shop.sql("INSERT INTO shop.plain VALUES (2)")
    refused = " ".join(shop.run("backup", "restore", "--table", "plain", "--force", code=2).split())
    assert "CSV" in refused
    assert shop.sql("SELECT n FROM shop.plain").split() == ["1", "2"]
    shop.run("backup", "restore", "--table", "plain")
    shop.sql("DROP TABLE shop.plain")
