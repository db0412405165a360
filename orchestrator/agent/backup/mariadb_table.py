"""One table of MariaDB back from a dump: in a database beside the live one, and only with --force into its place."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import mariadb_locked, mariadb_restore, refusals
from orchestrator.agent.backup.mariadb import Server, literal, name, sql
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError

_SECTION = re.compile(rb"-- ([A-Z][a-z ]+ structure for[a-z ]*) `(.+)`\n")
_DATA_END = b"UNLOCK TABLES;\n"

_COLUMNS = """
SELECT a.COLUMN_NAME FROM information_schema.COLUMNS a JOIN information_schema.COLUMNS b USING (TABLE_NAME, COLUMN_NAME)
WHERE a.TABLE_SCHEMA = {live} AND b.TABLE_SCHEMA = {back} AND a.TABLE_NAME = {table} AND a.IS_GENERATED = 'NEVER'
ORDER BY a.ORDINAL_POSITION"""
_TRIGGERS = """
SELECT TRIGGER_NAME FROM information_schema.TRIGGERS
WHERE EVENT_OBJECT_SCHEMA = {live} AND EVENT_OBJECT_TABLE = {table}"""
_ENGINE = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {live} AND TABLE_NAME = {table}"
_WITH_TRANSACTIONS = "InnoDB"
_LOCKED = """
SET SESSION foreign_key_checks = 0, SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
START TRANSACTION;
SELECT COUNT(*) FROM %s FOR UPDATE"""
_REFILLED = ";\nINSERT INTO %s (%s) SELECT %s FROM %s;\nCOMMIT"
_POINTERS = (
    "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {back}"
)


def table(call: Call, wanted: list[Dumped], files: dict[str, Path], short: str) -> dict[str, Any]:
    """Restore a table.

    Raises: UsageError: no backup of a database has it, or its triggers would do things. BackupFailed: the live one is
        as it was.
    """
    dumped = _having(wanted, short)
    server, database = mariadb_restore.server_of(call, dumped), mariadb_restore.name_of(call, dumped)
    if not server.exists(database):
        raise refusals.no_database(database)
    replaces = call.request.flag("force")
    if replaces:
        _refuse(server, database, short)
    beside = f"restored_{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    try:
        count = _beside(server, files[dumped.file], dumped, (database, short, beside))
    except BackupFailed as error:
        server.drop(beside)
        error.state = f"{short} is as it was"
        raise
    mariadb_restore.admit(call, server, beside, mariadb_restore.service_of(call, dumped).user)
    if not replaces:
        return {"restored": [f"table {database}: {beside}.{short}: {count} rows"], "kept": []}
    safe = _replace(call, server, (database, short, beside))
    return {
        "restored": [f"table {database}: {short}: {count} rows"], "kept": [f"{short} as it was before: {safe}"]
    }  # fmt: skip


def _having(wanted: list[Dumped], short: str) -> Dumped:
    having = [one for one in wanted if short in one.rows]
    if len(having) != 1:
        known = ", ".join(sorted(table for one in wanted for table in one.rows)[:40])
        raise UsageError(
            f"the backup has no table {short[:100]!r}",
            why=f"it has {known or 'none'}",
            state="nothing was touched",
        )
    return having[0]


def _refuse(server: Server, database: str, short: str) -> None:
    """Rows that come back are no new ones: what a trigger does with new ones must not be done again.

    And nobody may write between the dump of what is there and the new rows: not every engine can be kept from it.
    """
    words = {"live": literal(database), "table": literal(short)}
    if found := [row[0] for row in server.ask(_TRIGGERS.format(**words))]:
        raise UsageError(
            f"the table {short} has triggers", why=f"{', '.join(found)} would take each row for a new one",
            state="nothing was touched", next="restore it without --force: it is in a database beside the real one",
        )  # fmt: skip
    engine = server.one(_ENGINE.format(**words))
    if engine and engine not in (_WITH_TRANSACTIONS, *mariadb_locked.ENGINES):
        raise UsageError(
            f"the rows of {short} cannot be replaced", why=f"nobody can be kept from writing to a table of {engine}",
            state="nothing was touched", next="restore it without --force: it is in a database beside the real one",
        )  # fmt: skip


def _beside(server: Server, file: Path, dumped: Dumped, names: tuple[str, str, str]) -> int:
    """The table in a database of its own. Returns: how many rows it has.

    Raises: BackupFailed: it does not come back whole.
    """
    _, short, beside = names
    mariadb_restore.make(server, beside, dumped.about)
    with file.open("rb") as lines:
        server.feed(beside, section(lines, short))
    back = f"{name(beside)}.{name(short)}"
    # What they point to is not here.
    for (pointer,) in server.ask(_POINTERS.format(back=literal(beside))):
        server.ask(f"ALTER TABLE {back} DROP FOREIGN KEY {name(pointer)}")
    count = int(server.one(sql("SELECT COUNT(*) FROM %s", back)))
    if count != dumped.rows[short]:
        raise BackupFailed("rows are missing", why=f"{count} of {dumped.rows[short]}")
    return count


def section(lines: Iterable[bytes], short: str) -> Iterator[bytes]:
    """What a dump says of one table: the settings at its begin, how the table is made, and its rows.

    Nothing is looked for within another table's rows: there each line begins with a bracket.
    """
    wanted = (b"Table structure for table", short.replace("`", "``").encode())
    passing = True
    for line in lines:
        if found := _SECTION.fullmatch(line):
            passing = found.groups() == wanted
        if passing:
            yield line
            if line == _DATA_END:
                break
    yield b"COMMIT;\n"


def _replace(call: Call, server: Server, names: tuple[str, str, str]) -> Path:
    """The live table's rows become the restored ones', in one transaction; its keys and indexes stay.

    Rows of other tables that point to one that is gone are not followed: the restore is of this table alone.

    Returns: the safety dump. Nobody writes between it and the new rows: in a table with transactions all rows, and
        what is between them, are locked; another one is as a whole. Whoever wants to write waits; readers do only
        there.
    """
    database, short, beside = names
    live, back = f"{name(database)}.{name(short)}", f"{name(beside)}.{name(short)}"
    words = {"live": literal(database), "back": literal(beside), "table": literal(short)}
    columns = ", ".join(name(row[0]) for row in server.ask(_COLUMNS.format(**words)))
    if not columns:
        raise BackupFailed(
            f"the table {short} is not there any more", why="its rows have nothing to go into",
            state=f"they are in {beside}.{short}",
            next=f"RENAME TABLE {back} TO {live}; or restore the whole database with --into",
        )  # fmt: skip
    if server.one(_ENGINE.format(**words)) == _WITH_TRANSACTIONS:
        with server.session(database) as session:
            session.ask(sql(_LOCKED, live))
            safe = mariadb_restore.safety_dump(call, server, database, short)
            session.ask(sql("DELETE FROM %s", live) + sql(_REFILLED, live, columns, columns, back))
    else:
        safe = mariadb_locked.replace(call, server, names, columns)
    server.drop(beside)
    return safe
