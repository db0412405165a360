"""A table of MariaDB without transactions gets other rows: locked as a whole, with a copy of what was there.

A lock that lets mariadb-dump read cannot become one that lets us write without somebody writing in between. So the
copy is made by the session that holds the lock, and the dump of it afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from orchestrator.agent.backup import mariadb_dump, mariadb_restore
from orchestrator.agent.backup.mariadb import Server, Session, literal, name, sql
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

ENGINES = ("Aria", "MyISAM", "MEMORY")
"""Those that a lock of the whole table keeps from every writer, and whose rows can be deleted."""

_WAIT_SECONDS = 50
"""Longest wait for those who use the table, as InnoDB's for its rows: whoever comes later waits behind us.
Source: MariaDB, innodb_lock_wait_timeout."""

_SETTINGS = f"""
SET SESSION foreign_key_checks = 0, SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES',
SESSION lock_wait_timeout = {_WAIT_SECONDS}, SESSION max_heap_table_size = 1 << 40"""
_OWN_COLUMNS = """
SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {live} AND TABLE_NAME = {table}
AND IS_GENERATED = 'NEVER' ORDER BY ORDINAL_POSITION"""
# Numbers never come again: what points to a row that is gone must not come to point to a new one.
_COUNTER = """
SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = {live} AND TABLE_NAME = {table}
AND AUTO_INCREMENT IS NOT NULL"""


_FILL = "INSERT INTO %s (%s) SELECT %s FROM %s"


class Tables(NamedTuple):
    """The tables that take part, as SQL takes their names.

    Attributes:
        live: The one that gets other rows.
        back: That with the rows which come.
        copy: Where those that are there are copied to.
        columns: Those that the rows which come have in both.
    """

    live: str
    back: str
    copy: str
    columns: str


def replace(call: Call, server: Server, names: tuple[str, str, str], columns: str) -> Path:
    """Replace a table's rows. Nobody writes to it or reads it from the copy on until the new ones are there.

    Args:
        call: For the app.
        server: Where the table is.
        names: Its database, its own, and the database with the rows that come, in a table of its name.
        columns: As SQL takes them: those that both tables have.
    Returns: the dump of the rows that were there.
    Raises: BackupFailed: says where those are; unless it says so, the table is as it was.
    """
    database, short, beside = names
    copy = f"replaced_{beside.removeprefix('restored_')}"
    live, back, kept = (f"{name(one)}.{name(short)}" for one in (database, beside, copy))
    mariadb_restore.make(server, copy, mariadb_dump.about(server, database))
    try:
        with server.session(database) as session:
            _exchange(
                session,
                Tables(live, back, kept, columns),
                {"live": literal(database), "table": literal(short)},
            )
    except BackupFailed as error:
        if not error.state:
            server.drop(copy)
        raise
    return _dumped(call, server, database, short, copy)


def _exchange(session: Session, tables: Tables, words: dict[str, str]) -> None:
    """Copy what is there, and put the others in its place, under one lock.

    The copy's table is filled with the rows that come before anything is locked: whether they fit is known then.
    """
    live, back, copy, columns = tables
    session.ask(_SETTINGS)
    session.ask(sql("CREATE TABLE %s LIKE %s", copy, live))
    session.ask(sql(_FILL, copy, columns, columns, back))
    session.ask(sql("TRUNCATE TABLE %s", copy))
    own = ", ".join(name(row[0]) for row in session.ask(_OWN_COLUMNS.format(**words)))
    session.ask(sql("LOCK TABLES %s WRITE, %s WRITE, %s READ", live, copy, back))
    session.ask(sql(_FILL, copy, own, own, live))
    counter = session.ask(_COUNTER.format(**words))
    try:
        session.ask(sql("DELETE FROM %s", live))
        session.ask(sql(_FILL, live, columns, columns, back))
        if counter:
            session.ask(sql("ALTER TABLE %s AUTO_INCREMENT = %s", live, counter[0][0]))
        session.ask("UNLOCK TABLES")
    except BackupFailed as error:
        raise _half(error, live, copy) from error


def _half(error: BackupFailed, live: str, copy: str) -> BackupFailed:
    error.state = f"{live} may have lost rows; all that were there are in {copy}"
    back = sql("REPLACE INTO %s SELECT * FROM %s", live, copy)
    error.next = f"in `mariadb` as root on the host: {back}"
    return error


def _dumped(call: Call, server: Server, database: str, short: str, copy: str) -> Path:
    """The dump of the copy, which goes then."""
    try:
        safe = mariadb_restore.safety_dump(call, server, database, short, of=copy)
    except BackupFailed as error:
        error.state = f"{short} has the rows of the backup; those that were there are in {copy}.{short}"
        raise
    server.drop(copy)
    return safe
