"""A moment that somebody typed: which one it is, or why it is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.errors import UsageError
from orchestrator.plan import moment

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
EIGHT = datetime(2026, 11, 26, 8, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    ["2026-11-26T08:00:00Z", "2026-11-26 08:00:00+00", "2026-11-26 09:00:00+01:00", "2026-11-26 08:00 UTC",
     " 2026-11-26T08:00:00.000Z "],
)  # fmt: skip
def test_a_moment_with_its_zone_is_one(text: str) -> None:
    """As ISO 8601 writes it, and as PostgreSQL does."""
    assert moment.parse(text, NOW) == EIGHT


def test_the_latest_is_for_the_host_to_say() -> None:
    """It knows what has arrived."""
    assert moment.parse("Latest", NOW) == "latest"


@pytest.mark.parametrize(
    ("text", "said"),
    [("2026-11-26 08:00:00", "has no zone"), ("2026-11-26", "has no zone"), ("yesterday", "is no moment"),
     ("2026-02-30T00:00:00Z", "is no moment"), ("2026-11-26T09:00:01Z", "is in the future"),
     ("x" * 999, "is no moment")],
)  # fmt: skip
def test_what_is_none_is_refused(text: str, said: str) -> None:
    """With one that would be."""
    with pytest.raises(UsageError) as refused:
        moment.parse(text, NOW)
    assert said in refused.value.what
    assert (refused.value.state, refused.value.next[:9]) == ("nothing was touched", "--to-time")
