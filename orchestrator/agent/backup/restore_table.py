"""One table back from a dump: into a schema of its own beside the live one, and only with --force into its place."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from orchestrator.agent.backup import refusals, restore_database
from orchestrator.agent.backup.postgres import Cluster, Session, literal, quoted, sql
from orchestrator.agent.backup.postgres_guest import AS_NOBODY, GUEST, Guest, admit, guest, hand_over
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError

_CREATE = re.compile(rb"CREATE ((?:UNLOGGED )?TABLE) .+ \($")
_PART = r'(?:"(?:[^"]|"")+"|[^". (]+)'
_ALTER = re.compile(rf"ALTER TABLE (ONLY )?{_PART}\.{_PART} (.*;)$".encode())
_COPY = re.compile(rf"COPY {_PART}\.{_PART} (.*FROM stdin;)$".encode())

_COLUMNS = """
SELECT quote_ident(a.attname) FROM pg_attribute a JOIN pg_attribute b ON b.attname = a.attname
WHERE a.attrelid = {live}::regclass AND b.attrelid = {back}::regclass AND a.attnum > 0 AND b.attnum > 0
AND NOT a.attisdropped AND NOT b.attisdropped AND a.attgenerated = '' ORDER BY a.attnum"""

_PLAIN = """
SELECT 1 FROM pg_class WHERE oid = {back}::regclass AND relkind = 'r'
AND NOT (relhasrules OR relhasindex OR relhastriggers OR relhassubclass OR relrowsecurity)"""
"""Nothing of it is called when it is read."""

_COUNTER = "SELECT setval(%L, greatest((SELECT max(%s) FROM %s), (SELECT last_value FROM %s)));\n"
"""Never back: what points to a row that is gone must not come to point to a new one."""

_LOCK_SECONDS = "20"
"""Longest wait until those who write to a table have ended (our choice)."""

_SCHEMAS = (
    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', %L)"
)

_SEQUENCES = """
SELECT quote_ident(attname), pg_get_serial_sequence({live}, attname) FROM pg_attribute
WHERE attrelid = {live}::regclass AND attnum > 0 AND NOT attisdropped
AND pg_get_serial_sequence({live}, attname) IS NOT NULL"""


def table(call: Call, wanted: list[Dumped], files: dict[str, Path], name: str) -> dict[str, Any]:
    """Restore a table, `schema.table` or `table` (of public).

    Raises: UsageError: no backup of a database has it. BackupFailed: the live one is as it was.
    """
    full = name if "." in name else f"public.{name}"
    having = [one for one in wanted if full in one.rows]
    if len(having) != 1:
        known = ", ".join(sorted(table for one in wanted for table in one.rows)[:40])
        raise UsageError(
            f"the backup has no table {name[:100]!r}" if not having else f"several databases have a table {name}",
            why=f"it has {known or 'none'}", state="nothing was touched",
        )  # fmt: skip
    (dumped,) = having
    cluster, database = restore_database.server_of(call, dumped), restore_database.name_of(call, dumped)
    if not cluster.exists(database):
        raise refusals.no_database(database)
    beside = f"restored_{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    schema, _, short = full.partition(".")
    owner = restore_database.receiver(call, cluster, dumped, database)
    with guest(cluster) as me:
        _prepare(cluster, database, beside)
        _load(me, database, files[dumped.file], (schema, short, beside))
        count = int(me.one(database, sql("SELECT count(*) FROM %I.%I", beside, short)))
        if count != dumped.rows[full]:
            raise BackupFailed(
                "rows are missing", why=f"{count} of {dumped.rows[full]}", state=f"{full} is as it was"
            )
        hand_over(cluster, database, owner)
        done: dict[str, Any] = {"restored": [f"table {database}: {beside}.{short}: {count} rows"], "kept": []}
        if call.request.flag("force"):
            safe = _replace(call, cluster, me, database, (schema, short, beside, owner))
            done = {
                "restored": [f"table {database}: {full}: {count} rows"], "kept": [f"{full} as it was before: {safe}"]
            }  # fmt: skip
    return done


def _prepare(cluster: Cluster, database: str, beside: str) -> None:
    """A schema that is the guest's, in a database where it may do nothing else; it sees the types of the others."""
    admit(cluster, database)
    for (schema,) in cluster.ask(database, sql(_SCHEMAS, beside)):
        cluster.ask(database, sql("GRANT USAGE ON SCHEMA %I TO %I", schema, GUEST))
    cluster.ask(database, sql("CREATE SCHEMA %I AUTHORIZATION %I", beside, GUEST))


def _load(me: Guest, database: str, file: Path, names: tuple[str, str, str]) -> None:
    """Fill the schema, in one transaction; the names in the dump's own text are changed on the way."""
    schema, short, beside = names
    select = [
        "sh",
        "-c",
        'exec "$@" < "$0"',
        str(file),
        *AS_NOBODY,
        "pg_restore",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        f"--schema={schema}",
        f"--table={short}",
        "--file=-",
    ]
    psql = ["psql", "--no-psqlrc", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
    into = [*me.who, *psql, *me.to, "-d", database]
    name = f"{quoted(beside)}.{quoted(short)}".encode()
    said = piped(select, into, lambda lines: renamed(lines, name))
    if said is not None:
        raise BackupFailed(
            "the table cannot be restored", why=said.strip()[-1000:], state=f"{schema}.{short} is as it was"
        )


def piped(
    source: Sequence[str], target: Sequence[str], change: Callable[[Iterable[bytes]], Iterable[bytes]]
) -> str | None:
    """Run one program into another, its lines changed on the way; never more than a part of them in memory.

    Returns: None where both succeeded, otherwise what was complained of. One that ends early ends the other, too.
    """
    with (
        subprocess.Popen(source, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as giving,
        subprocess.Popen(
            target, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as taking,
    ):
        out, into = cast(IO[bytes], giving.stdout), cast(IO[bytes], taking.stdin)  # they are pipes
        with contextlib.suppress(BrokenPipeError):
            into.writelines(change(out))
        with contextlib.suppress(BrokenPipeError):
            into.close()
        out.close()
        said = [
            process.stderr.read().decode(errors="replace") if process.stderr else ""
            for process in (taking, giving)
        ]
    if giving.returncode or taking.returncode:
        return said[0] or said[1] or f"exit codes {giving.returncode}, {taking.returncode}"
    return None


def renamed(lines: Iterable[bytes], name: bytes) -> Iterator[bytes]:
    """A dump's text with the table's own name changed where it is created, altered and filled; not in its data."""
    created = copied = False
    for line in lines:
        text = line.rstrip(b"\n")
        if not created and (found := _CREATE.fullmatch(text)):
            created = True
            yield b"CREATE " + found[1] + b" " + name + b" (\n"
        elif not copied and (found := _COPY.fullmatch(text)):
            copied = True
            yield b"COPY " + name + b" " + found[1] + b"\n"
        elif not copied and (found := _ALTER.fullmatch(text)):
            yield b"ALTER TABLE " + (found[1] or b"") + name + b" " + found[2] + b"\n"
        else:
            yield line


def _replace(
    call: Call, cluster: Cluster, me: Guest, database: str, names: tuple[str, str, str, str]
) -> Path:
    """The live table's rows become the restored ones', in one transaction; its keys and indexes stay.

    Rows of other tables that point to one that is gone are not followed: the restore is of this table alone. What the
    live table calls meanwhile (its indexes, its constraints) is called with its owner's rights and no others.

    Returns: the safety dump. Nobody writes between it and the new rows: whoever wants to waits, readers do not.
    """
    schema, short, beside, owner = names
    live, back = f"{quoted(schema)}.{quoted(short)}", f"{quoted(beside)}.{quoted(short)}"
    places = {"live": literal(live), "back": literal(back)}
    _check(cluster, database, names, places)
    columns = ", ".join(row[0] for row in cluster.ask(database, _COLUMNS.format(**places)))
    sequences = cluster.ask(database, _SEQUENCES.format(**places))
    counters = "".join(sql(_COUNTER, sequence, column, live, sequence) for column, sequence in sequences)
    cluster.ask("postgres", sql("GRANT %I TO %I", owner, GUEST))
    cluster.ask("postgres", sql("GRANT SET ON PARAMETER session_replication_role TO %I", GUEST))
    cluster.ask(database, sql("GRANT SELECT, INSERT, DELETE ON %s TO %I", live, GUEST))
    for _, sequence in sequences:
        cluster.ask(database, sql("GRANT SELECT, UPDATE ON SEQUENCE %s TO %I", sequence, GUEST))
    with me.session(database) as session:
        _lock(session, live, f"{schema}.{short}", beside)
        safe = restore_database.safety_dump(call, cluster, database, f"--table={live}")
        session.ask(
            sql("SET LOCAL session_replication_role = replica; DELETE FROM %s;\n", live)
            + sql(
                "INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s;\n",
                live, columns, columns, back,
            )
            + sql("%sDROP SCHEMA %I CASCADE; COMMIT", counters, beside)
        )  # fmt: skip
    return safe


def _check(cluster: Cluster, database: str, names: tuple[str, str, str, str], places: dict[str, str]) -> None:
    schema, short, beside, _ = names
    if not cluster.one(database, "SELECT to_regclass({live})".format(**places)):
        raise BackupFailed(
            f"the table {schema}.{short} is not there any more", why="its rows have nothing to go into",
            state=f"they are in {beside}.{short}, without keys and indexes",
            next=f"ALTER TABLE {quoted(beside)}.{quoted(short)} SET SCHEMA {quoted(schema)}; or restore the whole "
            "database with --into",
        )  # fmt: skip
    if not cluster.ask(database, _PLAIN.format(**places)):
        raise BackupFailed(
            "what came back is no plain table", why=f"reading {beside}.{short} would call what the dump says",
            state=f"{schema}.{short} is as it was",
        )  # fmt: skip


def _lock(session: Session, live: str, shown: str, beside: str) -> None:
    """Begin, with nobody writing into the table any more.

    Whoever writes comes behind us while we wait for a transaction that does not end: so not for long.
    """
    try:
        session.ask(
            sql("BEGIN; SET LOCAL lock_timeout = '%ss'; LOCK TABLE %s IN EXCLUSIVE MODE", _LOCK_SECONDS, live)
        )
    except BackupFailed as error:
        error.state = f"{shown} is as it was; the rows that came back are in {beside}"
        error.next = (
            "end the transaction that has written to it (pg_stat_activity), then run the command again"
        )
        raise
