"""A database of MariaDB back from its dump: loaded beside the live one, counted, and only then put in its place.

MariaDB renames no databases, but tables from one into another, in an instant whatever their size. What is no table
(views, triggers, routines, events) is made again there, from its text.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.agent import services as carried
from orchestrator.agent import space
from orchestrator.agent.backup import mariadb_dump, refusals, replaced, restore_database, services
from orchestrator.agent.backup.mariadb import Server, account, carry_out, literal, name
from orchestrator.agent.backup.services import MARIADB, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed, UsageError
from orchestrator.agent.mariadb import LOOPBACK, granted, hosts, kept

_SYSTEM = ("mysql", "sys", "information_schema", "performance_schema")
_MOVED = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE <> 'VIEW'"
"""Tables, and sequences, which are such."""

_VIEWS = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {}"
_TRIGGERS = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {}"
_CLIENTS = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = {} AND ID <> CONNECTION_ID()"
_HOSTS = "SELECT Host FROM mysql.global_priv WHERE User = {}"
_TEXT = ("--no-data", "--no-tablespaces", "--skip-lock-tables", "--default-character-set=utf8mb4")


def service_of(call: Call, dumped: Dumped) -> Service:
    """What a dump goes back to.

    Raises: HostNotReady: this host has none.
    """
    found = next((one for one in services.of(call) if one.kind == dumped.kind), None)
    if found is None:
        raise refusals.no_service(call, dumped.kind)
    return found


def server_of(call: Call, dumped: Dumped) -> Server:
    """The server that a dump goes back to.

    Raises: HostNotReady: this host has none. UsageError: it is older than the one that the dump is from.
    """
    service_of(call, dumped)
    server = Server(call)
    version = server.one("SELECT @@version").partition("-")[0]
    if mariadb_dump.release(version) < int(dumped.about["version_number"]):
        raise refusals.older("MariaDB", version, dumped.about["version"])
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
        raise refusals.in_use(wanted, tables, clients)


def restore(call: Call, dumped: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Restore one.

    Raises: BackupFailed: it does not come back whole; the live database is as it was.
    """
    server, wanted = server_of(call, dumped), name_of(call, dumped)
    scratch, user = f"{wanted[:40]}_restored_{int(time.time())}", service_of(call, dumped).user
    code = file.with_name(f"{file.name}.code")
    try:
        admit(call, server, wanted, user)
        with loaded(server, scratch, dumped, file) as found:
            _write_code(server, scratch, code)
            if server.exists(wanted):
                done["kept"].append(_replace(call, server, (scratch, wanted, user), code, dumped))
            else:
                _put(server, (scratch, wanted, user), code, dumped.about)
    except AgentError as error:
        error.state = error.state or f"{wanted} is as it was"
        raise
    finally:
        code.unlink(missing_ok=True)
    done["restored"].append(f"database {wanted}: {len(found.rows)} tables, {sum(found.rows.values())} rows")


class Loaded(NamedTuple):
    """A dump that is a database again.

    Attributes:
        rows: Of each table (count).
        access: The guest's file, who made everything in it.
    """

    rows: dict[str, int]
    access: Path


@contextlib.contextmanager
def loaded(server: Server, scratch: str, dumped: Dumped, file: Path) -> Iterator[Loaded]:
    """A dump as a database of its own, for as long as the block runs: a guest's, whose events touch nothing else.

    Yields: its rows, which are those of the dump's moment.
    Raises: BackupFailed: it does not come back whole.
    """
    try:
        make(server, scratch, dumped.about)
        with server.guest(scratch) as access:
            with file.open("rb") as lines:
                carry_out(access, scratch, lines)
            rows = mariadb_dump.counted(server, scratch)
            if dumped.rows and (wrong := mariadb_dump.differences(dumped.rows, rows)):
                raise BackupFailed("rows are missing in the restored database", why="; ".join(wrong[:10]))
            yield Loaded(rows, access)
    finally:
        server.drop(scratch)


def make(server: Server, database: str, about: dict[str, Any]) -> None:
    """An empty database as the dumped one was.

    Raises: BackupFailed: there is one of this name, or the server lacks its collation.
    """
    server.ask(
        f"CREATE DATABASE {name(database)} CHARACTER SET {name(about['charset'])} COLLATE {name(about['collation'])}"
    )


def admit(call: Call, server: Server, database: str, user: str) -> None:
    """The app may use a database beside the real one, too; whoever its views and routines run as has to be there.

    Nobody knows the password of an account that is made here: provisioning gives it the app's.
    """
    nobodys = f"IDENTIFIED VIA mysql_native_password USING '{kept(secrets.token_urlsafe(32))}'"
    server.ask(f"CREATE USER IF NOT EXISTS {_definer(user)} {nobodys} ACCOUNT LOCK")
    every = (
        f"GRANT ALL PRIVILEGES ON {granted(database)}.* TO {one}" for one in _accounts(call, server, user)
    )
    server.ask(";\n".join(every))


def _definer(user: str) -> str:
    """Whom views, triggers, routines and events of a restored database are carried out as: the app, on this host.

    All of the app's accounts may do the same; those of other servers mean nothing here, and root is not the app.
    """
    return account(f"{user}@{LOOPBACK[0]}")


def _accounts(call: Call, server: Server, user: str) -> list[str]:
    """The app's, as far as they are to get in; also where an interrupted restore has locked them."""
    wanted = hosts(carried.one(call, MARIADB))
    return [
        account(f"{user}@{host}") for (host,) in server.ask(_HOSTS.format(literal(user))) if host in wanted
    ]


def _write_code(server: Server, database: str, file: Path) -> None:
    """Everything that is no table, as SQL: routines first, views may call them."""
    file.unlink(missing_ok=True)
    server.write([*_TEXT, "--no-create-info", "--routines", "--triggers", "--events", database], file)
    if views := [row[0] for row in server.ask(_VIEWS.format(literal(database)))]:
        server.write([*_TEXT, "--skip-triggers", database, *views], file)


def _put(server: Server, names: tuple[str, str, str], code: Path, about: dict[str, Any]) -> None:
    """Make the database, out of the one that was loaded.

    Raises: BackupFailed: it could not be made; then there is none of this name.
    """
    scratch, wanted, user = names
    make(server, wanted, about)
    try:
        _move(server, scratch, wanted)
        _feed(server, wanted, user, code)
    except AgentError:
        server.drop(wanted)
        raise


def _feed(server: Server, database: str, user: str, file: Path) -> None:
    """What mariadb-dump has written here."""
    with file.open("rb") as lines:
        server.feed(database, lines, _definer(user))


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


def _replace(call: Call, server: Server, names: tuple[str, str, str], code: Path, dumped: Dumped) -> str:
    """Put the restored database in the live one's place. Returns: where the live one's dump is."""
    _, wanted, user = names
    with _closed(call, server, wanted, user):
        about = mariadb_dump.about(server, wanted)
        safe = safety_dump(call, server, wanted)
        server.drop(wanted)
        try:
            _put(server, names, code, dumped.about)
        except AgentError as error:
            make(server, wanted, about)
            _feed(server, wanted, user, safe)
            error.state = f"{wanted} was loaded again from {safe}: it is as it was"
            raise
    return f"{wanted} as it was before: {safe}"


@contextlib.contextmanager
def _closed(call: Call, server: Server, database: str, user: str) -> Iterator[None]:
    """Keep the app out, so that no row is written that neither the dump nor the restored database has."""
    accounts = _accounts(call, server, user)
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


def safety_dump(call: Call, server: Server, database: str, *tables: str, of: str = "") -> Path:
    """What is there now, kept as a dump that was read to its end; the newest few stay.

    Args:
        call: For the app.
        server: Where it is.
        database: What the dump is called after.
        tables: Only these.
        of: Another database, that holds a copy of them.
    Raises: BackupFailed: it could not be kept: then nothing is replaced.
    """
    source = of or database
    size = int(mariadb_dump.about(server, source, *tables)["size_bytes"])

    def write(path: Path) -> None:
        space.require(path.parent, size, 16)
        mariadb_dump.snapshot(server, path, source, *tables)

    return replaced.keep(call, database, ".sql", write)
