"""A table without transactions gets other rows: wherever the server gives up, it is told where its old ones are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from orchestrator.agent.backup import mariadb_dump, mariadb_locked, mariadb_restore
from orchestrator.agent.backup.mariadb import Server, sql
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

DATABASE, TABLE, BESIDE = "shop", "par`ts", "restored_20261127"
COPY = "replaced_20261127"
LIVE, COPIED, BACK = (f"`{one}`.`par``ts`" for one in (DATABASE, COPY, BESIDE))
OWN, COMING = "`n`, `text`", "`n`"
FORGOTTEN = "lost connection"


class Standing:
    """A server that does what it is asked until a statement that it gives up at; what it was asked, in order."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at, self.asked, self.dropped = fails_at, list[str](), list[str]()

    def ask(self, statement: str) -> list[list[str]]:
        """Rows for what the session wants to know."""
        statement = " ".join(statement.split())
        if self.fails_at and statement.startswith(self.fails_at):
            raise BackupFailed("MariaDB refused", why=FORGOTTEN)
        self.asked.append(statement)
        if statement.startswith("SELECT COLUMN_NAME"):
            return [["n"], ["text"]]
        return [["42"]] if statement.startswith("SELECT AUTO_INCREMENT") else []

    @contextlib.contextmanager
    def session(self, database: str) -> Iterator[Standing]:
        """The connection that keeps what it locks."""
        assert database == DATABASE
        yield self

    def drop(self, database: str) -> None:
        """Remember it."""
        self.dropped.append(database)


@pytest.fixture(autouse=True)
def _beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place for the copy, and its dump."""
    monkeypatch.setattr(mariadb_dump, "about", lambda *_: {})
    monkeypatch.setattr(mariadb_restore, "make", lambda *_: None)
    monkeypatch.setattr(mariadb_restore, "safety_dump", lambda *_, of: Path(f"/{of}"))


def replaced(server: Standing) -> Path:
    """As the table's restore asks for it."""
    return mariadb_locked.replace(cast(Call, None), cast(Server, server), (DATABASE, TABLE, BESIDE), COMING)


def test_the_rows_are_copied_and_exchanged_under_one_lock() -> None:
    """The copy has every column, what comes has those of both; numbers go on where they were; the copy goes last."""
    server = Standing()
    assert replaced(server) == Path(f"/{COPY}")
    lock = server.asked.index(f"LOCK TABLES {LIVE} WRITE, {COPIED} WRITE, {BACK} READ")
    assert [one for one in server.asked[lock + 1 :] if not one.startswith("SELECT")] == [
        sql("INSERT INTO %s (%s) SELECT %s FROM %s", COPIED, OWN, OWN, LIVE),
        sql("DELETE FROM %s", LIVE),
        sql("INSERT INTO %s (%s) SELECT %s FROM %s", LIVE, COMING, COMING, BACK),
        f"ALTER TABLE {LIVE} AUTO_INCREMENT = 42",
        "UNLOCK TABLES",
    ]
    assert server.dropped == [COPY]


def test_whether_the_rows_fit_is_known_before_anything_is_locked() -> None:
    """They are tried in the copy's table first, with the checks that the exchange has."""
    server = Standing()
    replaced(server)
    before = server.asked[: next(n for n, one in enumerate(server.asked) if one.startswith("LOCK"))]
    assert "STRICT_ALL_TABLES" in before[0]
    assert before[1:4] == [
        f"CREATE TABLE {COPIED} LIKE {LIVE}",
        sql("INSERT INTO %s (%s) SELECT %s FROM %s", COPIED, COMING, COMING, BACK),
        f"TRUNCATE TABLE {COPIED}",
    ]


@pytest.mark.parametrize(
    "step", ["SET SESSION", "CREATE TABLE", f"INSERT INTO {COPIED} ({COMING})", "TRUNCATE", "SELECT COLUMN_NAME",
             "LOCK TABLES", f"INSERT INTO {COPIED} ({OWN})", "SELECT AUTO_INCREMENT"],
)  # fmt: skip
def test_before_the_first_row_goes_all_is_as_it_was(step: str) -> None:
    """Nothing was deleted, the copy goes, and the error claims no more."""
    server = Standing(step)
    with pytest.raises(BackupFailed) as failed:
        replaced(server)
    assert (failed.value.why, failed.value.state) == (FORGOTTEN, "")
    assert not [one for one in server.asked if one.startswith("DELETE")]
    assert server.dropped == [COPY]


@pytest.mark.parametrize("step", ["DELETE", f"INSERT INTO {LIVE}", "ALTER TABLE", "UNLOCK"])
def test_from_then_on_the_copy_stays_and_the_way_back_is_told(step: str) -> None:
    """As SQL that can be typed."""
    server = Standing(step)
    with pytest.raises(BackupFailed) as failed:
        replaced(server)
    assert failed.value.state == f"{LIVE} may have lost rows; all that were there are in {COPIED}"
    assert failed.value.next.endswith(sql("REPLACE INTO %s SELECT * FROM %s", LIVE, COPIED))
    assert server.dropped == []


def test_a_copy_that_cannot_be_dumped_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new rows are in force then; the old ones are where the error says."""

    def full(*_: object, **__: object) -> Path:
        raise BackupFailed("no space is left")

    monkeypatch.setattr(mariadb_restore, "safety_dump", full)
    server = Standing()
    with pytest.raises(BackupFailed) as failed:
        replaced(server)
    assert (
        failed.value.state
        == f"{TABLE} has the rows of the backup; those that were there are in {COPY}.{TABLE}"
    )
    assert server.dropped == []
