"""Backups of MariaDB, as far as they need no server: what a dump holds, and one table of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from orchestrator.agent import programs
from orchestrator.agent.answers import Answers
from orchestrator.agent.backup import (
    checks,
    mariadb,
    mariadb_dump,
    mariadb_file,
    mariadb_restore,
    mariadb_table,
)
from orchestrator.agent.backup.mariadb import Server
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError
from orchestrator.agent.programs import Finished
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
from tests.unit.agent.conftest import Host
from tests.unit.agent.with_backups import World, world_of  # noqa: F401 - world_of: a fixture

DUMP = b"""\
/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 11.8.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version\t11.8.6-MariaDB-0+deb13u1

/*!40101 SET NAMES utf8mb4 */;

--
-- Sequence structure for `numbers`
--
CREATE SEQUENCE `numbers` start with 1;

--
-- Table structure for table `parts`
--
CREATE TABLE `parts` (
  `n` int(11) DEFAULT NULL
);

--
-- Dumping data for table `parts`
--
LOCK TABLES `parts` WRITE;
INSERT INTO `parts` VALUES
(1,'it\\'s; \\n-- Table structure for table `users`\\n(2)'),
(2,'');
INSERT INTO `parts` VALUES
(3,'UNLOCK TABLES;');
UNLOCK TABLES;
/*!50003 CREATE*/ /*!50017 DEFINER=`shop`@`10.0.0.9`*/ /*!50003 TRIGGER look AFTER INSERT ON parts FOR EACH ROW BEGIN
(SELECT 1);
END */;;

--
-- Table structure for table `odd ``name`
--
CREATE TABLE `odd ``name` (
  `n` int(11) DEFAULT NULL
);

--
-- Dumping data for table `odd ``name`
--
LOCK TABLES `odd ``name` WRITE;
UNLOCK TABLES;
CREATE DEFINER=`root`@`localhost` FUNCTION `twice`(x int) RETURNS int(11)
RETURN 2 * x ;;
/*!50013 DEFINER=`shop`@`127.0.0.1` SQL SECURITY DEFINER */

-- Dump completed on 2026-11-26  5:00:00
"""
ROWS = {"parts": 3, "odd `name": 0}


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """A dump as mariadb-dump writes it."""
    path = tmp_path / "shop.sql"
    path.write_bytes(DUMP)
    return path


def test_each_row_of_a_dump_is_counted(file: Path) -> None:
    """Also of a table without any; what a text or a trigger says is no row."""
    assert mariadb_dump.held(file) == ROWS
    mariadb_dump.verify(file, ROWS, mariadb_dump.held(file))


def test_a_dump_that_lacks_rows_is_none(file: Path) -> None:
    """Or a table: with both numbers."""
    with pytest.raises(BackupFailed) as failed:
        mariadb_dump.verify(file, {**ROWS, "parts": 4, "users": 1}, mariadb_dump.held(file))
    assert failed.value.why == "shop.sql: parts: 3 of 4 rows; users: no table of 1 rows"


@pytest.mark.parametrize("end", [len(DUMP) // 2, len(DUMP) - 45, 0])
def test_a_dump_that_was_cut_is_none(file: Path, end: int) -> None:
    """Wherever it was."""
    file.write_bytes(DUMP[:end])
    with pytest.raises(BackupFailed) as failed:
        mariadb_dump.held(file)
    assert failed.value.why == "shop.sql: it has no end"


@pytest.mark.parametrize(("table", "rows"), [("parts", 3), ("odd `name", 0)])
def test_one_table_of_a_dump_is_made_and_filled(table: str, rows: int) -> None:
    """With the settings before it, and nothing of the others, whatever their rows say; no trigger."""
    found = b"".join(mariadb_table.section(DUMP.splitlines(keepends=True), table))
    assert b"SET NAMES utf8mb4" in found
    assert found.count(b"CREATE TABLE") == 1
    assert sum(line.startswith(b"(") for line in found.splitlines()) == rows
    assert b"TRIGGER" not in found
    assert b"SEQUENCE" not in found
    assert found.endswith(b"UNLOCK TABLES;\nCOMMIT;\n")


def test_a_table_that_a_dump_has_not_is_nothing() -> None:
    """Only settings are left."""
    found = b"".join(mariadb_table.section(DUMP.splitlines(keepends=True), "users"))
    assert b"TABLE" not in found


def test_a_dump_s_code_is_the_guest_s_or_the_app_s() -> None:
    """Whoever it names: root there is not root here. What a row or the body of a routine says is left alone."""
    lines = DUMP.splitlines(keepends=True)
    guest = b"".join(mariadb.placed(lines))
    assert guest.count(b"DEFINER=CURRENT_USER") == 3
    assert b"DEFINER=`" not in guest
    assert guest.replace(b"DEFINER=CURRENT_USER", b"").count(b"\n") == DUMP.count(b"\n")
    app = b"".join(mariadb.placed(lines, "'shop'@'127.0.0.1'"))
    assert app.count(b"DEFINER='shop'@'127.0.0.1'") == 3
    rows = [b"(1,'CREATE DEFINER=`root`@`localhost` x'),\n", b"INSERT INTO `t` VALUES ('DEFINER=`a`@`b`');\n"]
    assert list(mariadb.placed(rows)) == rows


def test_a_database_is_altered_where_its_dump_goes_to() -> None:
    """A routine that is older than its database's collation has it change; the name is the old one's."""
    line = b"ALTER DATABASE `odd ``name` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;\n"
    other = b"ALTER TABLE `t` DISABLE KEYS;\n"
    assert list(mariadb.placed([line, other])) == [
        b"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;\n", other,
    ]  # fmt: skip


class Asked:
    """A server that does what it is asked, and remembers it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.statements: list[str] = []
        self.fed: list[tuple[list[str], bytes]] = []
        self.answers: dict[str, str] = {}
        patch.setattr(programs, "fed", self._ask)
        patch.setattr(programs, "streamed", self._feed)

    def _ask(self, _: Sequence[str], text: str) -> Finished:
        self.statements.append(text)
        return Finished(0, next((said for word, said in self.answers.items() if word in text), ""), "")

    def _feed(self, words: Sequence[str], lines: Iterable[bytes]) -> Finished:
        self.fed.append((list(words), b"".join(lines)))
        return Finished(0, "", "")


def test_whoever_carries_a_dump_out_may_name_nobody_else(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a trigger of root's a dump could do anything on the server. What was written here may name the app."""
    asked, lines = (
        Asked(monkeypatch),
        [b"CREATE DEFINER=`root`@`localhost` PROCEDURE p() DROP DATABASE mysql;\n"],
    )
    Server(call).feed("shop", lines)
    told = "".join(asked.statements)
    assert "SET USER" not in told
    assert "GRANT ALL PRIVILEGES ON `shop`.* TO 'vpsdeploy_guest'@'localhost'" in told
    assert told.endswith("DROP USER IF EXISTS 'vpsdeploy_guest'@'localhost'")
    ((words, text),) = asked.fed
    assert b"root" not in text
    assert not any("password" in word for word in words)
    assert "--sandbox" in words
    asked.statements.clear()
    Server(call).feed("shop", lines, "'shop'@'127.0.0.1'")
    assert "GRANT SET USER ON *.* TO 'vpsdeploy_mason'@'localhost'" in "".join(asked.statements)
    assert asked.fed[1][1].startswith(b"CREATE DEFINER='shop'@'127.0.0.1' PROCEDURE")


def test_the_app_gets_in_again_though_a_restore_was_interrupted(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its accounts are locked then: the next restore opens them as well; those of hosts that left stay locked."""
    asked = Asked(monkeypatch)
    asked.answers = {"SELECT Host FROM mysql.global_priv": "127.0.0.1\n10.0.0.11\n10.0.0.99\n"}
    told = {"service": "mariadb", "app": "shop", "database": "shop", "user": "shop", "clients": ["10.0.0.11"]}
    (call.layout.services / "mariadb.json").write_text(json.dumps(told))
    with mariadb_restore._closed(call, Server(call), "shop", "shop"):
        asked.statements.clear()
    assert asked.statements == [
        "ALTER USER 'shop'@'127.0.0.1' ACCOUNT UNLOCK", "ALTER USER 'shop'@'10.0.0.11' ACCOUNT UNLOCK",
    ]  # fmt: skip


def test_an_account_that_a_restore_makes_has_a_password(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody knows: it is unlocked with the others when the restore has ended."""
    asked = Asked(monkeypatch)
    mariadb_restore.admit(call, Server(call), "yesterday", "shop")
    made = asked.statements[0]
    assert made.startswith(
        "CREATE USER IF NOT EXISTS 'shop'@'127.0.0.1' IDENTIFIED VIA mysql_native_password USING '*"
    )
    assert made.endswith("ACCOUNT LOCK")


@pytest.fixture(name="call")
def _call(world: World) -> Call:
    """A verb on a host whose app has MariaDB."""
    host = world.host
    host.layout.services.mkdir(parents=True)
    carry(host, "mariadb")
    with (host.layout.root / "answers").open("wb") as file:
        return Call(
            host.layout, Systemd(world), Request({"app": "shop"}), Answers(file.fileno()), Body(io.BytesIO())
        )


def carry(host: Host, kind: str) -> None:
    """What a role writes."""
    told = {"service": kind, "app": "shop", "database": kind, "user": "shop"}
    (host.layout.services / f"{kind}.json").write_text(json.dumps(told))


def test_which_server_a_foreign_dump_is_of_is_known(
    call: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of MySQL's is older than every server."""
    monkeypatch.setattr(mariadb_file, "_like", lambda *_: {"charset": "utf8mb4", "collation": "utf8mb4_bin"})
    service = Service("mariadb", 3306, "shop", "shop")
    about = mariadb_file.read(call, service, file).about
    assert (about["version_number"], about["charset"]) == (1108, "utf8mb4")
    file.write_bytes(
        DUMP.replace(b"-- MariaDB dump", b"-- MySQL dump").replace(b"11.8.6-MariaDB-0+deb13u1", b"8.0.36")
    )
    assert mariadb_file.read(call, service, file).about["version_number"] == 0
    file.write_bytes(b"CREATE TABLE x (n int);")
    with pytest.raises(UsageError) as refused:
        mariadb_file.read(call, service, file)
    assert refused.value.state == "nothing was touched"


@pytest.mark.parametrize(
    ("other", "asked", "count"),
    [
        ("redis", {}, 1),
        ("postgresql", {}, 0),
        ("postgresql", {"database": "shop"}, 1),
        ("redis", {"database": "x"}, 0),
    ],
)
def test_questions_are_for_the_database_that_they_name(
    call: Call, world: World, other: str, asked: dict[str, str], count: int
) -> None:
    """Without a name: the one that DATABASE_URL leads to."""
    carry(world.host, other)
    dumped = Dumped("mariadb", "shop", "x", 1, "", 0.0, {}, {})
    assert len(checks.of(call, ({"query": "SELECT 1", **asked},), dumped)) == count
