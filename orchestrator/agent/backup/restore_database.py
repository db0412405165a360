"""A database back from its dump: loaded beside the live one, counted, and only then put in its place by a rename."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent.backup import postgres_dump, postgres_load, refusals, replaced, services
from orchestrator.agent.backup.postgres import ROWS, Cluster, literal, sql
from orchestrator.agent.backup.postgres_guest import GUEST, guest, hand_over
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import AgentError, BackupFailed, UsageError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TRIES = 5
"""A database is renamed while nobody is connected; a client that comes in between is sent away again."""

_CLIENTS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %L AND backend_type = 'client backend'"
"""The server's own workers (autovacuum) are nobody's use of it."""

_CLOSED, _NO_LIMIT = "0", "-1"
"""Connections that a database takes. Source: PostgreSQL, CREATE DATABASE, CONNECTION LIMIT."""

_GRANTS = """
SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, {new},
CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = {old}"""

_SETTINGS = """
SELECT CASE WHEN n IN ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
THEN format('SELECT pg_catalog.set_config(%L, %L, true); ALTER DATABASE %I SET %s FROM CURRENT', n, v, {new}, n)
ELSE format('ALTER DATABASE %I SET %s TO %L', {new}, n, v) END
FROM (SELECT split_part(s, '=', 1) AS n, substr(s, strpos(s, '=') + 1) AS v
FROM pg_db_role_setting r JOIN pg_database d ON d.oid = r.setdatabase, unnest(r.setconfig) s
WHERE r.setrole = 0 AND d.datname = {old}) each"""
"""A list of names is kept as it is written in SQL: as one literal it would be one odd name.

Source: PostgreSQL, pg_dump, variable_is_guc_list_quote (those that a database can have).
"""


def service_of(call: Call, dumped: Dumped) -> Service:
    """What a dump goes back to.

    Raises: HostNotReady: this host has none.
    """
    found = [one for one in services.of(call) if one.kind == dumped.kind]
    fitting = [one for one in found if one.database == dumped.database] or found
    if not fitting:
        raise refusals.no_service(call, dumped.kind)
    return fitting[0]


def server_of(call: Call, dumped: Dumped) -> Cluster:
    """The server that a dump goes back to.

    Raises: HostNotReady: this host has none. UsageError: it is older than the one that the dump is from.
    """
    cluster = Cluster(call, service_of(call, dumped).port)
    here, there = cluster.version() // 10000, int(dumped.about["version_number"]) // 10000
    if here < there:
        raise refusals.older("PostgreSQL", str(here), str(there))
    return cluster


def name_of(call: Call, dumped: Dumped) -> str:
    """The database to restore into: the dumped one's name, or what `into` says.

    Raises: UsageError: it is no name.
    """
    wanted = call.request.text("into", "") or dumped.database
    if wanted != dumped.database and not _NAME.fullmatch(wanted):
        raise UsageError(
            f"{wanted[:60]!r} is no name of a database", why=_NAME.pattern, state="nothing was touched"
        )
    return wanted


def refuse(call: Call, dumped: Dumped) -> None:
    """See whether a database may be replaced.

    Raises: UsageError: it is in use, and nobody said --force.
    """
    cluster, name = server_of(call, dumped), name_of(call, dumped)
    if not cluster.exists(name) or call.request.flag("force"):
        return
    clients = cluster.one("postgres", sql(_CLIENTS, name))
    tables = len(cluster.ask(name, ROWS))
    if int(clients) or tables:
        raise refusals.in_use(name, tables, int(clients))


def database(call: Call, dumped: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Restore one.

    Raises: BackupFailed: it does not come back whole; the live database is as it was.
    """
    cluster, name = server_of(call, dumped), name_of(call, dumped)
    scratch = f"{name[:40]}_restored_{int(time.time())}"
    belongs_to = receiver(call, cluster, dumped, name)
    known = (name, dumped.database, service_of(call, dumped).database)
    try:
        with guest(cluster) as me:
            postgres_dump.make_database(cluster, scratch, dumped.about, GUEST, belongs_to)
            left_out = postgres_load.load(cluster, me, scratch, file, known)
            rows = postgres_dump.counted(me, scratch)
            if dumped.rows and (wrong := postgres_dump.differences(dumped.rows, rows)):
                raise BackupFailed("rows are missing in the restored database", why="; ".join(wrong[:10]))
            me.ask(scratch, "ANALYZE")
            hand_over(cluster, scratch, belongs_to)
            # What the dump has said of the database itself was the guest's doing.
            cluster.ask("postgres", sql("ALTER DATABASE %I RESET ALL", scratch))
        if cluster.exists(name):
            done["kept"].append(_replace(call, cluster, name, scratch))
        else:
            cluster.ask("postgres", sql("ALTER DATABASE %I RENAME TO %I", scratch, name))
    except AgentError as error:
        error.state = error.state or f"{name} is as it was"
        raise
    finally:
        cluster.ask("postgres", sql("DROP DATABASE IF EXISTS %I WITH (FORCE)", scratch))
    missing = f"; left out, make it anew: {', '.join(left_out)}" if left_out else ""
    done["restored"].append(f"database {name}: {len(rows)} tables, {sum(rows.values())} rows{missing}")


def owner(cluster: Cluster, name: str) -> str:
    """Whom a database belongs to; empty where there is none."""
    asked = sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %L", name)
    return cluster.one("postgres", asked)


def receiver(call: Call, cluster: Cluster, dumped: Dumped, name: str) -> str:
    """Whom everything in a restored database belongs to: whom the real one belongs to, or the app's user.

    Never a superuser, whatever a backup says: what it holds would run with its rights.

    Raises: BackupFailed: the app's user is one.
    """
    user = service_of(call, dumped).user
    for one in (owner(cluster, name), user):
        asked = sql("SELECT rolsuper OR starts_with(rolname, 'pg_') FROM pg_roles WHERE rolname = %L", one)
        if one and cluster.one("postgres", asked) != "t":
            return one
    raise BackupFailed(f"{user or 'the app'} cannot have the database", why="it is a superuser, or nobody")


def _replace(call: Call, cluster: Cluster, name: str, scratch: str) -> str:
    """Put the restored database in the live one's place. Returns: where the live one's dump is."""
    old = f"{name[:40]}_replaced_{int(time.time())}"
    _inherit(cluster, name, scratch)
    with _closed(cluster, name) as limit:
        safe = safety_dump(call, cluster, name)
        _rename(cluster, name, old)
        try:
            _rename(cluster, scratch, name)
        except AgentError:
            _rename(cluster, old, name)
            raise
        cluster.ask("postgres", sql("ALTER DATABASE %I CONNECTION LIMIT %s", name, limit))
    cluster.ask("postgres", sql("DROP DATABASE IF EXISTS %I WITH (FORCE)", old))
    return f"{name} as it was before: {safe}"


def _inherit(cluster: Cluster, name: str, scratch: str) -> None:
    """What belongs to a database and is in no dump of it: who may connect, and its settings."""
    words = {"old": literal(name), "new": literal(scratch)}
    for query in (_GRANTS, _SETTINGS):
        for (statement,) in cluster.ask("postgres", query.format(**words)):
            cluster.ask("postgres", statement)


@contextlib.contextmanager
def _closed(cluster: Cluster, name: str) -> Iterator[str]:
    """Keep the app out, so that no row is written that neither the dump nor the restored database has.

    Yields: how many connections it was allowed before.
    """
    asked = sql("SELECT datconnlimit FROM pg_database WHERE datname = %L", name)
    found = cluster.one("postgres", asked)
    limit = _NO_LIMIT if found == _CLOSED else found  # a restore that was killed has left it so
    cluster.ask("postgres", sql("ALTER DATABASE %I CONNECTION LIMIT %s", name, _CLOSED))
    try:
        _send_away(cluster, name)
        yield limit
    finally:
        if cluster.exists(name):
            cluster.ask("postgres", sql("ALTER DATABASE %I CONNECTION LIMIT %s", name, limit))


def _send_away(cluster: Cluster, name: str) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %L"
    cluster.ask("postgres", sql(end, name))


def _rename(cluster: Cluster, name: str, to: str) -> None:
    for left in reversed(range(_TRIES)):
        _send_away(cluster, name)
        try:
            cluster.ask("postgres", sql("ALTER DATABASE %I RENAME TO %I", name, to))
        except BackupFailed:
            if not left:
                raise
            time.sleep(0.2)
        else:
            return


def safety_dump(call: Call, cluster: Cluster, name: str, *more: str) -> Path:
    """What is there now, kept as a dump that was read to its end; the newest few stay.

    Raises: BackupFailed: it could not be kept: then nothing is replaced.
    """

    def write(path: Path) -> None:
        cluster.write(["pg_dump", "--format=custom", f"--dbname={name}", *more], path)
        postgres_dump.verify(call, path, 0)

    return replaced.keep(call, name, ".dump", write)
