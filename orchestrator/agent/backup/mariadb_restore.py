"""A database of MariaDB back from its dump: loaded beside the live one, counted, and only then put in its place.

MariaDB renames no databases, but tables from one into another, in an instant whatever their size. What is no table
(views, triggers, routines, events) is made again there, from its text.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import mariadb_dump, restore_database, services
from orchestrator.agent.backup.mariadb import Server, account, literal, name
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed, HostNotReady, UsageError
from orchestrator.agent.mariadb import granted

_SYSTEM = ("mysql", "sys", "information_schema", "performance_schema")
_KEPT = 5
"""Safety dumps that stay (count; our choice)."""

_MOVED = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE <> 'VIEW'"
"""Tables, and sequences, which are such."""

_VIEWS = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {}"
_TRIGGERS = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {}"
_CLIENTS = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = {} AND ID <> CONNECTION_ID()"
_KNOWN = "SELECT CONCAT(User, '@', Host) FROM mysql.global_priv"
_ACCOUNTS = (
    "SELECT CONCAT(User, '@', Host) FROM mysql.global_priv WHERE User = {} "
    "AND COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0') NOT IN ('1', 'true')"
)
_TEXT = ("--no-data", "--no-tablespaces", "--skip-lock-tables", "--default-character-set=utf8mb4")


def service_of(call: Call, dumped: Dumped) -> Service:
    """What a dump goes back to.

    Raises: HostNotReady: this host has none.
    """
    found = next((one for one in services.of(call) if one.kind == dumped.kind), None)
    if found is None:
        raise HostNotReady(
            f"this host runs no {dumped.kind}", why=f"no file of {call.layout.services} names one of the app",
            state="nothing was touched", next="vpsdeploy provision host",
        )  # fmt: skip
    return found


def server_of(call: Call, dumped: Dumped) -> Server:
    """The server that a dump goes back to.

    Raises: HostNotReady: this host has none. UsageError: it is older than the one that the dump is from.
    """
    service_of(call, dumped)
    server = Server(call)
    version = server.one("SELECT @@version").partition("-")[0]
    if mariadb_dump.release(version) < int(dumped.about["version_number"]):
        there = dumped.about["version"]
        raise UsageError(
            "the server is older than the backup", why=f"MariaDB {version} here, the dump is of {there}",
            state="nothing was touched", next=f"restore to a host with MariaDB {there} or newer",
        )  # fmt: skip
    return server


def name_of(call: Call, dumped: Dumped) -> str:
    """The database to restore into: the dumped one's name, or what `into` says.

    Raises: UsageError: it is no name, or the server's own.
    """
    wanted = restore_database.name_of(call, dumped)
    if wanted in _SYSTEM:
        raise UsageError(
            f"{wanted} is the server's own database", why="nothing goes into it", state="nothing was touched"
        )
    return wanted


def refuse(call: Call, dumped: Dumped) -> None:
    """See whether a database may be replaced.

    Raises: UsageError: it is in use, and nobody said --force.
    """
    server, wanted = server_of(call, dumped), name_of(call, dumped)
    if not server.exists(wanted) or call.request.flag("force"):
        return
    clients, tables = len(server.ask(_CLIENTS.format(literal(wanted)))), len(server.tables(wanted))
    if clients or tables:
        raise UsageError(
            f"the database {wanted} is in use", why=f"{tables} tables, {clients} connections",
            state="nothing was touched",
            next="--into NAME restores beside it; --force replaces it, after a dump of what is there now",
        )  # fmt: skip


def restore(call: Call, dumped: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Restore one.

    Raises: BackupFailed: it does not come back whole; the live database is as it was.
    """
    server, wanted = server_of(call, dumped), name_of(call, dumped)
    scratch, user = f"{wanted[:40]}_restored_{int(time.time())}", service_of(call, dumped).user
    code, definers = file.with_name(f"{file.name}.code"), dumped.about["definers"]
    try:
        admit(server, wanted, user, definers)
        with loaded(server, scratch, dumped, file) as rows:
            _write_code(server, scratch, code)
            if server.exists(wanted):
                done["kept"].append(_replace(call, server, (scratch, wanted), code, dumped))
            else:
                _put(server, (scratch, wanted), code, dumped.about)
    except AgentError as error:
        error.state = error.state or f"{wanted} is as it was"
        raise
    finally:
        code.unlink(missing_ok=True)
    done["restored"].append(f"database {wanted}: {len(rows)} tables, {sum(rows.values())} rows")


@contextlib.contextmanager
def loaded(server: Server, scratch: str, dumped: Dumped, file: Path) -> Iterator[dict[str, int]]:
    """A dump as a database of its own, for as long as the block runs.

    Yields: its rows, which are those of the dump's moment.
    Raises: BackupFailed: it does not come back whole.
    """
    try:
        make(server, scratch, dumped.about)
        with _lent(server, scratch, dumped.about["definers"]):
            server.feed(scratch, file)
            rows = mariadb_dump.counted(server, scratch)
            if dumped.rows and (wrong := mariadb_dump.differences(dumped.rows, rows)):
                raise BackupFailed("rows are missing in the restored database", why="; ".join(wrong[:10]))
            yield rows
    finally:
        server.drop(scratch)


@contextlib.contextmanager
def _lent(server: Server, scratch: str, definers: list[str]) -> Iterator[None]:
    """Views and functions are carried out as those who made them, who may do in the copy what they may in the original.

    Whoever is not known here is made for as long as the block runs, and cannot log in.
    """
    known = {row[0] for row in server.ask(_KNOWN)}
    every, made = [account(one) for one in definers], [account(one) for one in definers if one not in known]
    server.ask("".join(f"CREATE USER {one} ACCOUNT LOCK;\n" for one in made))
    server.ask("".join(f"GRANT ALL PRIVILEGES ON {granted(scratch)}.* TO {one};\n" for one in every))
    try:
        yield
    finally:
        server.ask("".join(f"REVOKE ALL PRIVILEGES ON {granted(scratch)}.* FROM {one};\n" for one in every))
        server.ask("".join(f"DROP USER {one};\n" for one in made))


def make(server: Server, database: str, about: dict[str, Any]) -> None:
    """An empty database as the dumped one was.

    Raises: BackupFailed: there is one of this name, or the server lacks its collation.
    """
    server.ask(
        f"CREATE DATABASE {name(database)} CHARACTER SET {name(about['charset'])} COLLATE {name(about['collation'])}"
    )


def admit(server: Server, database: str, user: str, definers: list[str]) -> None:
    """Whom views and routines are carried out as has to be there; whoever was not is made, and cannot log in.

    The app's own accounts may use a database beside the real one, too.
    """
    every = f"GRANT ALL PRIVILEGES ON {granted(database)}.* TO"
    words = [f"{every} {account(one)}" for (one,) in server.ask(_ACCOUNTS.format(literal(user)))]
    known = {row[0] for row in server.ask(_KNOWN)}
    for one in definers:
        if one not in known:
            words += [f"CREATE USER {account(one)} ACCOUNT LOCK", f"{every} {account(one)}"]
    if words:
        server.ask(";\n".join(words))


def _write_code(server: Server, database: str, file: Path) -> None:
    """Everything that is no table, as SQL: routines first, views may call them."""
    file.unlink(missing_ok=True)
    server.write([*_TEXT, "--no-create-info", "--routines", "--triggers", "--events", database], file)
    if views := [row[0] for row in server.ask(_VIEWS.format(literal(database)))]:
        server.write([*_TEXT, "--skip-triggers", database, *views], file)


def _put(server: Server, names: tuple[str, str], code: Path, about: dict[str, Any]) -> None:
    """Make the database, out of the one that was loaded.

    Raises: BackupFailed: it could not be made; then there is none of this name.
    """
    scratch, wanted = names
    make(server, wanted, about)
    try:
        _move(server, scratch, wanted)
        server.feed(wanted, code)
    except AgentError:
        server.drop(wanted)
        raise


def _move(server: Server, scratch: str, wanted: str) -> None:
    """All tables, with their keys; their triggers would be in the wrong database, and come with the text."""
    for (trigger,) in server.ask(_TRIGGERS.format(literal(scratch))):
        server.ask(f"DROP TRIGGER {name(scratch)}.{name(trigger)}")
    moves = [
        f"{name(scratch)}.{name(table)} TO {name(wanted)}.{name(table)}"
        for (table,) in server.ask(_MOVED.format(literal(scratch)))
    ]
    if moves:
        server.ask(f"RENAME TABLE {', '.join(moves)}")


def _replace(call: Call, server: Server, names: tuple[str, str], code: Path, dumped: Dumped) -> str:
    """Put the restored database in the live one's place. Returns: where the live one's dump is."""
    _, wanted = names
    with _closed(server, wanted, service_of(call, dumped).user):
        about = mariadb_dump.about(server, wanted)
        safe = safety_dump(call, server, wanted)
        server.drop(wanted)
        try:
            _put(server, names, code, dumped.about)
        except AgentError as error:
            make(server, wanted, about)
            server.feed(wanted, safe)
            error.state = f"{wanted} was loaded again from {safe}: it is as it was"
            raise
    return f"{wanted} as it was before: {safe}"


@contextlib.contextmanager
def _closed(server: Server, database: str, user: str) -> Iterator[None]:
    """Keep the app out, so that no row is written that neither the dump nor the restored database has."""
    accounts = [account(row[0]) for row in server.ask(_ACCOUNTS.format(literal(user)))]
    for one in accounts:
        server.ask(f"ALTER USER {one} ACCOUNT LOCK")
    try:
        clients = _CLIENTS.format(literal(database)) + f" OR USER = {literal(user)}"
        for (client,) in server.ask(clients):
            with contextlib.suppress(BackupFailed):  # it has gone by itself
                server.ask(f"KILL CONNECTION {client}")
        yield
    finally:
        for one in accounts:
            server.ask(f"ALTER USER {one} ACCOUNT UNLOCK")


def safety_dump(call: Call, server: Server, database: str, *tables: str) -> Path:
    """What is there now, kept as a dump that was read to its end; the newest few stay.

    Raises: BackupFailed: it could not be kept: then nothing is replaced.
    """
    directory = call.app.replaced
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{database}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}.sql"
    mariadb_dump.snapshot(server, path, database, *tables)
    for older in sorted(directory.glob(f"{database}-*.sql"))[:-_KEPT]:
        older.unlink()
    return path
