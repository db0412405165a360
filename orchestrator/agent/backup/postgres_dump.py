"""A database into a file, with what a restore compares itself with; and the proof that the file is whole."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import space
from orchestrator.agent.backup.postgres import Cluster, Moment, sql
from orchestrator.agent.backup.postgres_guest import GUEST, forget, guest
from orchestrator.agent.backup.services import POSTGRESQL, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed

GLOBALS = "postgresql/globals.sql"
_BLOCK_BYTES = 1 << 20

_ABOUT = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba), current_setting('server_version'),
current_setting('server_version_num'), pg_database_size(oid) FROM pg_database WHERE datname = current_database()"""

_ROLES = """
SELECT DISTINCT rolname FROM pg_roles r
JOIN pg_shdepend d ON d.refobjid = r.oid AND d.refclassid = 'pg_authid'::regclass
WHERE d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND rolname !~ '^pg_'"""
"""Whom something in the database belongs to, or is granted to."""


def dump(call: Call, service: Service, directory: Path) -> Dumped:
    """Dump the app's database, and the roles that dumps of one database leave out.

    Not compressed: restic compresses what is left after it has found what it has already.

    Raises: BackupFailed: nothing that could be restored was written. HostNotReady: there is no room for it.
    """
    return dump_from(call, Cluster(call, service.port), service.database, directory)


def dump_from(call: Call, cluster: Cluster, name: str, directory: Path) -> Dumped:
    """The same out of any server of this host.

    Raises: BackupFailed, HostNotReady
    """
    file = f"{POSTGRESQL}/{name}.dump"
    path = directory / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with _moment(cluster, name) as moment:
        about = _about(moment)
        space.require(directory, int(about["size_bytes"]), 16)
        program = [
            "pg_dump",
            "--format=custom",
            "--compress=0",
            f"--snapshot={moment.id}",
            f"--dbname={name}",
        ]
        cluster.write(program, path)
        with guest(cluster, reads=name) as reader, reader.moment(name, moment.id) as same:
            rows, at = same.rows(), moment.at
    cluster.write(["pg_dumpall", "--globals-only"], directory / GLOBALS)
    verify(call, path, len(rows))
    return Dumped(POSTGRESQL, name, file, path.stat().st_size, digest(path), at, rows, about)


@contextlib.contextmanager
def _moment(cluster: Cluster, name: str) -> Iterator[Moment]:
    """One moment of a database in which nothing is a guest's, as a killed restore of a table leaves it."""
    with cluster.moment(name) as moment:
        if not moment.ask(sql("SELECT 1 FROM pg_roles WHERE rolname = %L", GUEST)):
            yield moment
            return
    forget(cluster)
    with cluster.moment(name) as moment:
        yield moment


def _about(moment: Moment) -> dict[str, Any]:
    ((encoding, collate, ctype, owner, version, number, size),) = moment.ask(_ABOUT)
    roles = sorted(row[0] for row in moment.ask(_ROLES))
    return {
        "encoding": encoding, "collate": collate, "ctype": ctype, "owner": owner, "version": version,
        "version_number": int(number), "size_bytes": int(size), "roles": roles,
    }  # fmt: skip


def verify(call: Call, path: Path, tables: int) -> None:
    """Read a dump to its end: one that was cut short lists its contents all the same.

    Raises: BackupFailed: it is damaged, or holds fewer tables than the database has.
    """
    whole = call.systemd.program(["pg_restore", "--file=/dev/null", str(path)])
    if whole.code != 0:
        raise BackupFailed("the dump is damaged", why=f"{path.name}: {whole.errors.strip()[-500:]}")
    listed = call.systemd.program(["pg_restore", "--list", str(path)]).output
    held = sum(" TABLE DATA " in line for line in listed.splitlines() if not line.startswith(";"))
    if held < tables:
        raise BackupFailed("the dump is incomplete", why=f"{path.name}: {held} of {tables} tables are in it")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    made = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            made.update(block)
    return made.hexdigest()


def make_database(cluster: Cluster, name: str, about: dict[str, Any], owner: str, *roles: str) -> None:
    """An empty database as the dumped one was, which nobody but its owner may enter; roles are there, too.

    Raises: BackupFailed: there is one of this name, or the server lacks its locale.
    """
    for role in (*about.get("roles", ()), *roles, owner):
        if not cluster.ask("postgres", sql("SELECT 1 FROM pg_roles WHERE rolname = %L", role)):
            cluster.ask("postgres", sql("CREATE ROLE %I NOLOGIN", role))
    like = "CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L"
    cluster.ask("postgres", sql(like, name, owner, about["encoding"], about["collate"], about["ctype"]))
    cluster.ask("postgres", sql("REVOKE ALL ON DATABASE %I FROM PUBLIC", name))


def counted(cluster: Cluster, name: str) -> dict[str, int]:
    """The rows of each table, now."""
    with cluster.moment(name) as moment:
        return moment.rows()


def differences(wanted: dict[str, int], found: dict[str, int]) -> list[str]:
    """Where a restored database has other rows than its dump's manifest says."""
    return [
        f"{table}: {found.get(table, 'no table')} of {wanted.get(table, 0)} rows"
        for table in sorted({*wanted, *found})
        if found.get(table) != wanted.get(table)
    ]
