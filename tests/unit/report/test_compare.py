"""What `vpsdeploy releases diff` shows, and how it finds its releases."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import UsageError
from orchestrator.report import compare
from orchestrator.workflows import compare as workflow
from tests.support.fleet import APP, FakeFleet, stage

A, B = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
NONE: dict[str, Any] = {"added": 0, "removed": 0, "changed": 0}
SAME: dict[str, Any] = {
    "a": {"release": A, "revision": "aaaa", "subject": "Sell"},
    "b": {"release": B, "revision": "bbbb", "subject": "Buy"},
    "settings": [], "env": [], "files": {**NONE, "first": []}, "packages": {**NONE, "first": []}, "package_files": NONE,
}  # fmt: skip


def test_a_difference_for_people() -> None:
    """The whole output."""
    answer = SAME | {
        "settings": [{"name": "node", "a": "24.21.0", "b": "26.10.0"}, {"name": "x", "a": None, "b": "y"}],
        "env": [{"name": "PASSWORD", "a": "1" * 12, "b": "2" * 12}, {"name": "OLD", "a": "3" * 12, "b": None}],
        "packages": {**NONE, "changed": 2, "first": [{"name": "express", "a": "4.18.1", "b": "4.19.0"}]},
        "files": {**NONE, "added": 1, "first": [{"path": "dist/new.js", "a": None, "b": "0123456789abcdef"}]},
        "package_files": {**NONE, "changed": 9},
    }  # fmt: skip
    assert compare.text(answer) == (
        f"from {A}  aaaa Sell\nto   {B}  bbbb Buy\n\n"
        "settings\n  ~ node: 24.21.0 -> 26.10.0\n  + x: y\n\n"
        "env (values are never shown)\n  ~ PASSWORD: differs (digest 111111111111 -> 222222222222)\n"
        "  - OLD: removed\n\n"
        "packages: 0 added, 0 removed, 2 changed\n  ~ express: 4.18.1 -> 4.19.0\n  ... and 1 more (--names N)\n\n"
        "files: 1 added, 0 removed, 0 changed\n  + dist/new.js: 0123456789ab\n\n"
        "files of packages: 0 added, 0 removed, 9 changed"
    )


def test_releases_that_are_the_same_say_so() -> None:
    """The same bundle, released twice."""
    assert compare.text(SAME).splitlines()[-1] == "no difference"


def _fleet() -> FakeFleet:
    fleet = FakeFleet(stage("web-1"))
    host = fleet.hosts["web-1"]
    host.releases, host.live, host.current = [A, B], "green", B
    host.pools["green"] = {"release": B, "ports": [4101], "state": "running"}
    return fleet


def test_the_second_release_is_the_live_one_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a beginning of an id is enough."""
    fleet = _fleet()
    asked: list[dict[str, Any]] = []

    def compare(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return SAME

    monkeypatch.setattr(fleet.hosts["web-1"], "compare", compare, raising=False)
    workflow.run(AppConfig(app=APP), stage("web-1"), "20261101", "", 5, lambda *_: fleet)
    assert {key: asked[0][key] for key in ("a", "b", "names")} == {"a": A, "b": B, "names": 5}


@pytest.mark.parametrize(("a", "b"), [("1999", ""), ("2026", ""), (B, ""), (A, A)])
def test_a_comparison_needs_two_releases(a: str, b: str) -> None:
    """None that fits, several, or twice the same: nothing is asked."""
    fleet = _fleet()
    with pytest.raises(UsageError):
        workflow.run(AppConfig(app=APP), stage("web-1"), a, b, 5, lambda *_: fleet)
    assert ("web-1", "compare") not in fleet.calls
