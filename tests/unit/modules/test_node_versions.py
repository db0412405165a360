"""Which Node a request means, on which day."""

from __future__ import annotations

import datetime
import json

import pytest
from ansible.module_utils.vpsdeploy import node_versions
from ansible.module_utils.vpsdeploy.node_versions import NodeError

from tests.support import roles

SCHEDULE = json.loads((roles.ROLES / "nodejs/files/schedule.json").read_text())
TODAY = datetime.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("day", "line"),
    [("2025-10-27", 22), ("2025-10-28", 24), ("2026-10-27", 24), ("2026-10-28", 26), ("2027-10-20", 27)],
)
def test_lts_is_the_newest_line_promoted_by_that_day(day: str, line: int) -> None:
    """The day of the promotion counts already, an odd number is none the less a line, and 25 never was promoted."""
    assert node_versions.lts_line(SCHEDULE, datetime.date.fromisoformat(day)) == line


@pytest.mark.parametrize(("line", "day"), [(20, "2026-04-30"), (25, "2026-06-01"), (26, ""), (99, "")])
def test_end_of_life_is_told_once_it_is_past(line: int, day: str) -> None:
    """Of a line that lives and of one that nobody knows, nothing is said."""
    assert node_versions.ended(line, SCHEDULE, TODAY) == day


def test_schedule_that_ended_is_said_to_have_ended() -> None:
    """Better no answer than a line that nobody mends any more."""
    with pytest.raises(NodeError, match="refresh it"):
        node_versions.lts_line(SCHEDULE, datetime.date(2031, 1, 1))


@pytest.mark.parametrize(
    ("request_", "prefix"),
    [
        ("lts", (26,)),
        ("LTS/*", (26,)),
        ("24", (24,)),
        ("v24.21", (24, 21)),
        ("24.x", (24,)),
        ("24.21.0", (24, 21, 0)),
    ],
)
def test_request_fixes_a_prefix(request_: str, prefix: tuple[int, ...]) -> None:
    """Every form that vpsdeploy.yml takes."""
    assert node_versions.wanted(request_, SCHEDULE, TODAY) == prefix


@pytest.mark.parametrize("request_", ["", "latest", ">=24", "24.21.0-rc.1", "twenty"])
def test_other_requests_are_refused_with_the_forms(request_: str) -> None:
    """The error says what may be written."""
    with pytest.raises(NodeError, match=r"write lts, 24, 24\.21 or 24\.21\.0"):
        node_versions.wanted(request_, SCHEDULE, TODAY)


def test_newest_is_compared_as_numbers_and_never_a_prerelease() -> None:
    """24.9 is older than 24.21, and a release candidate is no release."""
    offered = ["24.9.0", "24.21.0", "24.22.0-rc.1", "v26.1.0", "nonsense"]
    assert node_versions.newest((24,), offered) == (24, 21, 0)
    assert node_versions.newest((26,), offered) == (26, 1, 0)
    assert node_versions.newest((22,), offered) is None
