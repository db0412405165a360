"""docs/audits.md: each finding once, with its reason."""

from __future__ import annotations

from tests.audits import findings


def test_every_finding_is_there_once_with_a_reason() -> None:
    """Of one of the Debians that hosts may have, or of both."""
    rows = findings.rows()
    named = [rule for row in rows for rule in row.rules]
    assert len(named) == len(set(named)) > 50
    assert {debian for row in rows for debian in row.debians} == {12, 13}
    assert all(row.rules and row.debians and len(row.why) > 5 for row in rows)
