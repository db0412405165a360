"""One table's text out of a dump, with another name: what its rows say is never touched."""

from __future__ import annotations

from orchestrator.agent.backup.postgres import sql
from orchestrator.agent.backup.restore_table import renamed

DUMP = b"""\
SET default_tablespace = '';
CREATE TABLE public."Order Items" (
    id integer NOT NULL
);
COPY public."Order Items" (id, note) FROM stdin;
1\tCREATE TABLE public.users (
COPY public.users (id) FROM stdin;
\\.
"""


def test_the_name_is_changed_where_the_table_is_made_and_filled() -> None:
    """Once each: a row may look like either."""
    found = b"".join(renamed(DUMP.splitlines(keepends=True), b'"r"."Order Items"')).splitlines()
    assert found[1] == b'CREATE TABLE "r"."Order Items" ('
    assert found[4] == b'COPY "r"."Order Items" (id, note) FROM stdin;'
    assert found[5:] == DUMP.splitlines()[5:]


def test_values_are_quoted_as_postgresql_does() -> None:
    """Names, texts and SQL; a value that looks like a place is none."""
    assert sql("SELECT %I, %L, %s", 'a"b', "it's %L", "now()") == """SELECT "a""b", 'it''s %L', now()"""
