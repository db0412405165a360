"""How MariaDB's statements are written and its answers read."""

from __future__ import annotations

import pytest

from orchestrator.agent.backup import mariadb, mariadb_dump
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.programs import Finished


def test_a_release_is_a_number() -> None:
    """Later ones are larger."""
    assert [mariadb_dump.release(one) for one in ("10.11.14-MariaDB-0+deb12u2", "11.8.6")] == [1011, 1108]


def test_statements_are_written_as_mariadb_reads_them() -> None:
    """Names and texts; a value that looks like a place is none."""
    assert (
        mariadb.sql("SELECT %I, %L, %s", "a`b", "it's \\ %L", "now()")
        == "SELECT `a``b`, 'it''s \\\\ %L', now()"
    )
    assert mariadb.account("shop@10.0.0.9") == "'shop'@'10.0.0.9'"


def test_answers_are_read_as_the_client_writes_them() -> None:
    """A tab or a line's end within a value is written with a backslash."""
    assert mariadb.rows(Finished(0, "a\\tb\tc\\nd\\\\\n\n", "")) == [["a\tb", "c\nd\\"], [""]]
    assert mariadb.rows(Finished(0, "one\u2028line\x0bonly\n", "")) == [["one\u2028line\x0bonly"]]


def test_an_error_is_told_without_its_statement() -> None:
    """The client repeats it between lines of dashes; it may have what is secret."""
    said = "--------------\nCREATE USER x IDENTIFIED BY 'canary'\n--------------\n\nERROR 1044 (42000) at line 1: no"
    with pytest.raises(BackupFailed) as failed:
        mariadb.checked(Finished(1, "", said))
    assert failed.value.why == "ERROR 1044 (42000) at line 1: no"
