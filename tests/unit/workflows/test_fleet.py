"""Commands that an error advises can be typed as they are."""

from __future__ import annotations

import pytest

from orchestrator.workflows.fleet import with_stage


@pytest.mark.parametrize(
    ("advice", "shown"),
    [
        ("vpsdeploy provision host web-1", "vpsdeploy provision host web-1 --stage live"),
        (
            "vpsdeploy status, then vpsdeploy provision host",
            "vpsdeploy status --stage live, then vpsdeploy provision host --stage live",
        ),
        ("vpsdeploy releases", "vpsdeploy releases --stage live"),
        ("vpsdeploy logs --stage other", "vpsdeploy logs --stage other"),
        ("free some space", "free some space"),
        ("", ""),
    ],
)
def test_the_stage_is_named_once(advice: str, shown: str) -> None:
    """Each advised command gets the stage, unless one is named already."""
    assert with_stage(advice, "live") == shown
