"""A dump of PostgreSQL's into an empty database, by a guest: nothing that it says is done as a superuser.

What only a superuser may make is made by us, as far as it is known to do no harm: extensions. Some kinds of things are
left out, which is told; whatever else needs a superuser ends the load with the server's own words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from orchestrator.agent import durable
from orchestrator.agent.backup.postgres import Cluster, sql
from orchestrator.agent.backup.postgres_guest import AS_NOBODY, GUEST, Guest
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.programs import Finished

_ENTRY = re.compile(r"\d+; \d+ \d+ (.+)")
"""A line of pg_restore --list: id, two numbers of the catalog, kind, schema, name, owner."""

_LEFT_OUT = ("EVENT TRIGGER ", "PUBLICATION ", "SUBSCRIPTION ", "DEFAULT ACL ")
"""A superuser's, or said of a role by its name: not the guest's to make."""

_OF_THEM = (
    "COMMENT - EVENT TRIGGER ",
    "COMMENT - PUBLICATION ",
    "COMMENT - SUBSCRIPTION ",
    "COMMENT - EXTENSION ",
)
_EXTENSION = "EXTENSION - "
_NAME = r'("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_MADE = re.compile(rf"^CREATE EXTENSION IF NOT EXISTS {_NAME} WITH SCHEMA {_NAME};$", re.MULTILINE)
"""Source: PostgreSQL, pg_dump.c, dumpExtension."""

_HARMLESS = """
SELECT 1 FROM pg_available_extensions e JOIN pg_available_extension_versions v ON v.name = e.name
AND v.version = e.default_version WHERE e.name = %L AND (v.trusted OR NOT v.superuser)"""
"""Whoever has a database may make them in it. Source: PostgreSQL, Extension Files, trusted."""

_CONFIGURED = "SELECT DISTINCT unnest(extconfig)::regclass FROM pg_extension WHERE extconfig IS NOT NULL"
"""Tables of extensions that a dump holds rows of."""

_DENIED = re.compile(
    r"permission denied|must be (?:a )?(?:superuser|owner|member|able)|[Oo]nly (?:roles|superusers)"
)


class Contents(NamedTuple):
    """What is in a dump.

    Attributes:
        wanted: The lines that the guest carries out.
        extensions: Those that are made before, each with its schema.
        left_out: What is not carried out, by kind and name.
    """

    wanted: list[str]
    extensions: list[tuple[str, str]]
    left_out: list[str]


def listed(call: Call, path: Path, *options: str, lines: Path | None = None) -> Finished:
    """What pg_restore prints of a dump, as nobody: it may be anybody's.

    Args:
        call: For the host.
        path: The dump.
        options: Of pg_restore.
        lines: A list of what is meant, if it is not everything.
    """
    return call.systemd.program([*_opened(path, lines), *AS_NOBODY, "pg_restore", *_only(lines), *options])


def load(cluster: Cluster, guest: Guest, name: str, path: Path, known: Iterable[str]) -> list[str]:
    """Fill an empty database of the guest's from a dump; the first error ends it.

    Args:
        cluster: As the superuser.
        guest: Who carries it out.
        name: The database.
        path: The dump.
        known: Databases whose extensions may be in this one, too: the administrator has put them there.
    Returns: what was left out.
    Raises: BackupFailed: it is not whole.
    """
    lines = path.with_name(f"{path.name}.list")
    try:
        found = contents(cluster.call, path, lines)
        cluster.ask(name, "ALTER SCHEMA public OWNER TO pg_database_owner")
        for extension, schema in found.extensions:
            _extend(cluster, name, extension, schema, known)
        for (table,) in cluster.ask(name, _CONFIGURED):
            cluster.ask(name, sql("GRANT ALL ON %s TO %I", table, GUEST))
        _write(lines, found.wanted)
        options = ("--exit-on-error", "--no-owner", f"--dbname={name}", *_only(lines))
        words = [*_opened(path, lines), *guest.who, "pg_restore", *guest.to, *options]
        guest.checked(cluster.call.systemd.program(words), "pg_restore failed")
    except BackupFailed as error:
        if _DENIED.search(error.why):
            error.next = error.next or (
                "what needs the server's administrator is not loaded: make the dump without it; or, where you trust "
                "whoever wrote it, load it with pg_restore on the host"
            )
        raise
    finally:
        lines.unlink(missing_ok=True)
    return found.left_out


def _opened(path: Path, lines: Path | None) -> list[str]:
    """Both are opened by root, and inherited."""
    return ["sh", "-c", 'exec < "$0" 3< "$1" && shift && exec "$@"', str(path), str(lines or os.devnull)]


def _only(lines: Path | None) -> tuple[str, ...]:
    return ("--use-list=/dev/fd/3",) if lines else ()


def contents(call: Call, path: Path, lines: Path) -> Contents:
    """Read what is in a dump.

    Args:
        call: For the host.
        path: The dump.
        lines: A file for pg_restore to read, which is written.
    Raises: BackupFailed: it is none.
    """
    entries = _entries(_said(listed(call, path, "--list")))
    extensions = list[tuple[str, str]]()
    if made := [line for line, what in entries if what.startswith(_EXTENSION)]:
        _write(lines, made)
        text = _said(listed(call, path, "--file=-", lines=lines))
        extensions = [(_plain(name), _plain(schema)) for name, schema in _MADE.findall(text)]
        if len(extensions) != len(made):
            raise BackupFailed(
                "the dump's extensions cannot be read", why=f"{len(extensions)} of {len(made)}"
            )
    schemas = tuple(f"SCHEMA - {schema} " for _, schema in extensions if schema != "public")
    not_ours = (_EXTENSION, *_LEFT_OUT, *_OF_THEM, *schemas)
    return Contents(
        [line for line, what in entries if not what.startswith(not_ours)], extensions,
        [what.rpartition(" ")[0].replace(" - ", " ") for _, what in entries if what.startswith(_LEFT_OUT)],
    )  # fmt: skip


def _entries(text: str) -> list[tuple[str, str]]:
    """The lines of a list, each with what it says behind the numbers."""
    return [(line, found[1]) for line in text.split("\n") if (found := _ENTRY.fullmatch(line))]


def _said(done: Finished) -> str:
    if done.code != 0:
        raise BackupFailed("the dump cannot be read", why=done.errors.strip()[-500:])
    return done.output


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _write(file: Path, lines: list[str]) -> None:
    """For nobody to read, once root has opened it: where it lies nobody comes."""
    durable.write(file, "".join(f"{line}\n" for line in lines).encode(), 0o644, sync=False)


def _extend(cluster: Cluster, database: str, extension: str, schema: str, known: Iterable[str]) -> None:
    """Make an extension, before anything of the dump is there that its script could meet."""
    if not (cluster.ask("postgres", sql(_HARMLESS, extension)) or _is_in_one(cluster, extension, known)):
        raise BackupFailed(
            f"the dump needs the extension {extension}",
            why="it is not on this host, or not one that every owner of a database may have",
            next=f"install its package, make it in the app's database as root (runuser -u postgres -- psql -d DATABASE "
            f"-c 'CREATE EXTENSION \"{extension}\"'), and load again",
        )  # fmt: skip
    if not cluster.ask(database, sql("SELECT 1 FROM pg_namespace WHERE nspname = %L", schema)):
        cluster.ask(database, sql("CREATE SCHEMA %I AUTHORIZATION %I", schema, GUEST))
    cluster.ask(database, sql("CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I", extension, schema))


def _is_in_one(cluster: Cluster, extension: str, known: Iterable[str]) -> bool:
    asked = sql("SELECT 1 FROM pg_extension WHERE extname = %L", extension)
    return any(cluster.exists(one) and cluster.ask(one, asked) for one in known)
