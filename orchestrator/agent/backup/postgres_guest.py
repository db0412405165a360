"""Whom PostgreSQL carries out as what somebody else wrote: a guest, who is no superuser.

Dumps are loaded by it into a database of its own. It counts and asks where tables may have functions of somebody's in
their indexes, constraints and views: those are called by whoever asks, and as a superuser they could do anything.
It is there for as long as it is needed, and one that something killed has left goes when the next one comes.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent import durable
from orchestrator.agent.backup.postgres import AS_POSTGRES, Cluster, sql
from orchestrator.agent.failures import AgentError, BackupFailed
from orchestrator.agent.postgresql import verifier

GUEST = "vpsdeploy_guest"
AS_NOBODY = (
    "env", "--chdir=/", "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all",
    "--no-new-privs", "--",
)  # fmt: skip
"""A program that reads somebody's dump has no rights on this host, whatever it is led to do."""

_LOGGED_IN = 'PGPASSWORD=$(cat "$0") && export PGPASSWORD PGSSLMODE=disable && exec "$@"'
"""The password is no argument, which everybody could read."""

_ROLE = (
    "SET log_min_error_statement = panic; CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
    "BYPASSRLS CONNECTION LIMIT 10 PASSWORD %L"
)
"""Policies would hide rows from whoever counts them; which tables it may read at all is another matter.
The statement holds a verifier of its password: if it is refused, the server does not log it.
"""

_ADMITTED = "GRANT CONNECT ON DATABASE %I TO %I"
_SENT_AWAY = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = %L"
_GONE = """
DO $$BEGIN
IF EXISTS (SELECT FROM pg_roles WHERE rolname = %L) AND NOT EXISTS (
  SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND pg_get_userbyid(refobjid) = %L
  AND (dbid <> 0 OR (classid = 'pg_database'::regclass AND deptype = 'o')))
THEN DROP OWNED BY %I; DROP ROLE %I; END IF;
END$$"""
"""Nothing of it is in any database, nor is one its own: as a dump leaves it, and one call is enough."""

_LEFT = """
SELECT 'role', rolname FROM pg_roles WHERE rolname = %L
UNION ALL SELECT 'owned', datname FROM pg_database WHERE pg_get_userbyid(datdba) = %L
UNION ALL SELECT DISTINCT 'touched', b.datname FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid
WHERE d.refclassid = 'pg_authid'::regclass AND pg_get_userbyid(d.refobjid) = %L"""
"""The guest, its databases, and those in which something is its own or it may do something."""


class Guest(Cluster):
    """A server as its guest sees it; names are found as its databases say."""

    def __init__(self, of: Cluster, access: Path) -> None:
        super().__init__(of.call, int(of.port), of.socket)
        where = str(of.socket) if of.socket else "127.0.0.1"
        self.to = ("-p", self.port, "-h", where, "-U", GUEST, "-w")
        # A socket of another directory is behind the server's own doors.
        self.who = ("sh", "-c", _LOGGED_IN, str(access), *(AS_POSTGRES if of.socket else AS_NOBODY))
        self.settings = ()


@contextlib.contextmanager
def guest(cluster: Cluster, reads: str = "") -> Iterator[Guest]:
    """The guest, for as long as the block runs. Databases that are still its own afterwards are dropped.

    Args:
        cluster: As the superuser.
        reads: A database, each row of which it may read.
    Raises: BackupFailed: it could not be made.
    """
    password, access = secrets.token_urlsafe(32), cluster.call.layout.run / GUEST
    access.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        durable.write(access, password.encode(), 0o600, sync=False)
        made = [sql(_ROLE, GUEST, verifier(password, secrets.token_bytes(16)))]
        if reads:
            made += [sql("GRANT pg_read_all_data TO %I", GUEST), sql(_ADMITTED, reads, GUEST)]
        _make(cluster, "; ".join(made))
        yield Guest(cluster, access)
    except AgentError as error:
        if GUEST in error.why and "pg_hba.conf" in error.why:
            error.next = error.next or "vpsdeploy provision host"
        raise
    finally:
        access.unlink(missing_ok=True)
        forget(cluster)


def _make(cluster: Cluster, statements: str) -> None:
    # Each call is a login, and a twentieth of a second: one that something killed has left is the exception. What else
    # keeps it from being made does so twice, and is told.
    try:
        cluster.ask("postgres", statements)
    except BackupFailed:
        forget(cluster)
        cluster.ask("postgres", statements)


def admit(cluster: Cluster, database: str) -> None:
    """Let the guest into a database."""
    cluster.ask("postgres", sql(_ADMITTED, database, GUEST))


def hand_over(cluster: Cluster, database: str, owner: str) -> None:
    """Give what the guest has made in a database to somebody who is no superuser. Nothing of it is called."""
    cluster.ask("postgres", sql(_SENT_AWAY, GUEST))
    cluster.ask(database, sql("REASSIGN OWNED BY %I TO %I", GUEST, owner))


def forget(cluster: Cluster) -> None:
    """End what the guest is at, and remove it and all that is its own."""
    found = cluster.ask("postgres", sql(f"{_SENT_AWAY};{_GONE};{_LEFT}", *[GUEST] * 8))
    left = [(row[0], row[1]) for row in found if len(row) > 1]  # the others: whether a connection was ended
    if not left:
        return
    owned = [name for kind, name in left if kind == "owned"]
    for database in owned:
        cluster.ask("postgres", sql("DROP DATABASE IF EXISTS %I WITH (FORCE)", database))
    for kind, database in left:
        if kind == "touched" and database not in owned:
            cluster.ask(database, sql("DROP OWNED BY %I", GUEST))
    cluster.ask("postgres", sql("DROP OWNED BY %I; DROP ROLE %I", GUEST, GUEST))
