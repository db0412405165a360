"""A database of MariaDB into a file, the rows that it had at that moment beside it, and the proof that it is whole.

One moment for both: transactions of MariaDB cannot lend each other what they see, so commits are held back (BACKUP
STAGE BLOCK_COMMIT) until the dump's transaction and the counting one have both begun; that takes some tenths of a
second, in which the app reads as ever and its commits wait. Whatever was committed before is in the dump, whole,
whatever came later is not, and the counts are of exactly that.

This holds for InnoDB, which has transactions. Tables of other engines (Aria, MyISAM, MEMORY) show the moment at which
the dump reached each of them, whole but a little later, and their counts are those of the dump: to lock them for as
long as it takes would have the app's writers wait. A table that is altered meanwhile ends the dump with an error: no
dump is better than half of one.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import space
from orchestrator.agent.backup.mariadb import SOCKET, TABLES, Server, Session, literal, sql, told
from orchestrator.agent.backup.postgres_dump import digest
from orchestrator.agent.backup.services import MARIADB, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

PROGRAM = (
    "--single-transaction", "--quick", "--no-tablespaces", "--routines", "--triggers", "--events",
    "--default-character-set=utf8mb4",
)  # fmt: skip
_WAIT_SECONDS = 30
"""Longest wait for tables that are being altered: longer ones are the next backup's (our choice)."""

_HELD_SECONDS = 60
"""Whoever holds commits back and says nothing for so long is sent away by the server: a last resort."""

_BEGINS = "Starting transaction"
"""What mariadb-dump --verbose says before its transaction begins; its next line comes when it has.
Source: MariaDB, client/mysqldump.c, start_transaction."""

_ABOUT = """
SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, @@version,
(SELECT COALESCE(SUM(DATA_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database}{only})
FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {database}"""

_ENGINES = TABLES.replace("TABLE_NAME", "TABLE_NAME, ENGINE", 1)
_WITH_TRANSACTIONS = "InnoDB"
_DATA = re.compile(rb"-- Dumping data for table `(.+)`\n")
_DATA_END = b"UNLOCK TABLES;\n"
_END = b"-- Dump completed"


def dump(call: Call, service: Service, directory: Path) -> Dumped:
    """Dump the app's database, and count its rows.

    Not compressed: restic compresses what is left after it has found what it has already.

    Raises: BackupFailed: nothing that could be restored was written. HostNotReady: there is no room for it.
    """
    server, database = Server(call), service.database
    file = f"{MARIADB}/{database}.sql"
    path = directory / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    known = about(server, database)
    space.require(directory, int(known["size_bytes"]), 16)
    with server.session(database) as moment, contextlib.ExitStack() as stopped:
        _hold(stopped.enter_context(server.session()))
        with _dumping(database, path) as process:
            at, engines = _begin(moment), _engines(moment, database)
            said = _begun(process)
            stopped.close()
            _finished(process, said)
        rows = _rows(moment, [table for table, engine in engines.items() if engine == _WITH_TRANSACTIONS])
    found = held(path)
    rows |= {table: found.get(table, 0) for table in engines.keys() - rows}
    verify(path, rows, found)
    return Dumped(MARIADB, database, file, path.stat().st_size, digest(path), at, rows, known)


def snapshot(server: Server, path: Path, database: str, *tables: str) -> None:
    """Dump a database, or some of its tables, whose rows nobody is going to compare.

    Raises: BackupFailed: it is not whole.
    """
    path.unlink(missing_ok=True)
    server.write([*PROGRAM, database, *tables], path)
    held(path)


def verify(path: Path, rows: dict[str, int], found: dict[str, int]) -> None:
    """Compare the rows that a dump holds with those of its moment.

    Raises: BackupFailed: it holds other ones than the database had.
    """
    if wrong := differences(rows, found):
        raise BackupFailed("the dump is incomplete", why=f"{path.name}: {'; '.join(wrong[:10])}")


def held(path: Path) -> dict[str, int]:
    """How many rows of each table a dump holds: mariadb-dump writes each into a line of its own.

    Raises: BackupFailed: it was cut short.
    """
    rows, table, line = dict[str, int](), "", b""
    with path.open("rb") as file:
        for line in file:
            if table and line.startswith(b"("):
                rows[table] += 1
            elif found := _DATA.fullmatch(line):
                table = found[1].decode().replace("``", "`")
                rows[table] = 0
            elif line == _DATA_END:
                table = ""
    if not line.startswith(_END):
        raise BackupFailed("the dump is damaged", why=f"{path.name}: it has no end")
    return rows


def counted(server: Server, database: str) -> dict[str, int]:
    """The rows of each table, now."""
    with server.session(database) as moment:
        _begin(moment)
        return _rows(moment, server.tables(database))


def differences(wanted: dict[str, int], found: dict[str, int]) -> list[str]:
    """Where other rows are than there should be."""
    return [
        f"{table}: {found.get(table, 'no table')} of {wanted.get(table, 0)} rows"
        for table in sorted({*wanted, *found})
        if found.get(table) != wanted.get(table)
    ]


def release(version: str) -> int:
    """A server's release as a number: 1108 of 11.8.6-MariaDB."""
    major, minor = version.split(".")[:2]
    return int(major) * 100 + int(minor)


def about(server: Server, database: str, *tables: str) -> dict[str, Any]:
    """What a restore needs to know of a database besides its rows; its size, or that of the tables that are named.

    Raises: BackupFailed: there is none of this name.
    """
    only = f" AND TABLE_NAME IN ({', '.join(map(literal, tables))})" if tables else ""
    found = server.ask(_ABOUT.format(database=literal(database), only=only))
    if not found:
        raise BackupFailed(f"there is no database {database}", next="vpsdeploy provision host")
    ((charset, collation, version, size),) = found
    return {
        "charset": charset, "collation": collation, "version": version.partition("-")[0], "size_bytes": int(size),
        "version_number": release(version),
    }  # fmt: skip


def _engines(moment: Session, database: str) -> dict[str, str]:
    """What keeps each table."""
    found = moment.ask(_ENGINES.format(database=literal(database)))
    return {row[0]: row[1] for row in found}


def _hold(session: Session) -> None:
    """From now on nothing is committed, until the session ends."""
    session.ask(
        f"SET SESSION lock_wait_timeout = {_WAIT_SECONDS}, SESSION wait_timeout = {_HELD_SECONDS};\n"
        "BACKUP STAGE START;\nBACKUP STAGE BLOCK_COMMIT"
    )


def _begin(moment: Session) -> float:
    """A transaction that sees what is committed now. Returns: when that is, by the server's clock."""
    answer = moment.ask(
        "SET SESSION idle_transaction_timeout = 0, SESSION wait_timeout = 86400;\n"
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n"
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;\nSELECT UNIX_TIMESTAMP(NOW(6))"
    )
    return float(answer[0][0])


@contextlib.contextmanager
def _dumping(database: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """mariadb-dump, which says what it is doing."""
    words = ["mariadb-dump", "--no-defaults", SOCKET, "--verbose", *PROGRAM, database]
    with (
        path.open("wb") as file,
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _begun(process: subprocess.Popen[str]) -> list[str]:
    """Wait until its transaction has begun, or it has ended. Returns: what it has said."""
    said = list[str]()
    for line in process.stderr or ():
        said.append(line)
        if len(said) > 1 and _BEGINS in said[-2]:
            break
    return said


def _finished(process: subprocess.Popen[str], said: list[str]) -> None:
    said += process.stderr or ()
    if process.wait() != 0:
        errors = "".join(line for line in said if not line.startswith("-- "))
        raise BackupFailed("mariadb-dump failed", why=told(errors) or f"exit code {process.returncode}")


def _rows(moment: Session, tables: list[str]) -> dict[str, int]:
    """How many rows each table has; none is kept from being altered for longer than it is counted."""
    moment.ask("SAVEPOINT counting")
    counts = {}
    for table in tables:
        ((count,),) = moment.ask(sql("SELECT COUNT(*) FROM %I;\nROLLBACK TO SAVEPOINT counting", table))
        counts[table] = int(count)
    return counts
