"""One table's text out of a dump, with another name: what its rows say is never touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.agent.backup import restore_table
from orchestrator.agent.backup.postgres import sql
from orchestrator.agent.backup.restore_table import renamed

DUMP = b"""\
SET default_tablespace = '';
CREATE TABLE public."Order Items" (
    id integer NOT NULL
);
ALTER TABLE ONLY public."Order Items" FORCE ROW LEVEL SECURITY;
COPY public."Order Items" (id, note) FROM stdin;
1\tCREATE TABLE public.users (
ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;
COPY public.users (id) FROM stdin;
\\.
"""


def test_the_name_is_changed_where_the_table_is_made_altered_and_filled() -> None:
    """Once each: a row may look like either."""
    found = b"".join(renamed(DUMP.splitlines(keepends=True), b'"r"."Order Items"')).splitlines()
    assert found[1] == b'CREATE TABLE "r"."Order Items" ('
    assert found[4] == b'ALTER TABLE ONLY "r"."Order Items" FORCE ROW LEVEL SECURITY;'
    assert found[5] == b'COPY "r"."Order Items" (id, note) FROM stdin;'
    assert found[6:] == DUMP.splitlines()[6:]


def test_values_are_quoted_as_postgresql_does() -> None:
    """Names, texts and SQL; a value that looks like a place is none."""
    assert sql("SELECT %I, %L, %s", 'a"b', "it's %L", "now()") == """SELECT "a""b", 'it''s %L', now()"""


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("yes data", "echo it is full >&2; exit 3", "it is full\n"),
        ("echo cut short >&2; exit 1", "cat", "cut short\n"),
        ("exit 4", "cat", "exit codes 4, 0"),
    ],
)
def test_whichever_side_of_a_pipe_ends_early_is_heard_of_and_nobody_waits_for_ever(
    source: str, target: str, said: str
) -> None:
    """A program that writes to one that is gone would be waited for until somebody looks."""
    assert restore_table.piped(["sh", "-c", source], ["sh", "-c", target], lambda lines: lines) == said


def test_lines_are_changed_on_their_way(tmp_path: Path) -> None:
    """What is put around them arrives, too."""
    written = tmp_path / "lines"
    into = ["sh", "-c", 'cat > "$0"', str(written)]

    told = restore_table.piped(["echo", "a"], into, lambda lines: [b"first\n", *lines, b"last\n"])

    assert (told, written.read_text()) == (None, "first\na\nlast\n")
