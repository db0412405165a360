"""From what a project says about Node to what a role can install."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.project.node_request import detect_node, simplify
from tests.unit.project.projects import lay

RANGES = {
    "24.21.0": "24.21.0", "v22.1.0": "22.1.0", "24": "24", "24.x": "24", "^24.1.0": "24", "~22.12": "22",
    ">=20": "lts", ">=20 <25": "24", ">=20 <=24": "24", "<24.5.0": "24", "20 || 22": "22", "^20.19.0 || >=22": "lts",
    "18 - 24": "24", "lts/*": "lts", "lts/jod": "22", "*": "lts", "node": "lts", "": "lts",
}  # fmt: skip


@pytest.mark.parametrize("text", RANGES)
def test_a_range_becomes_a_version_a_major_or_lts(text: str) -> None:
    """Open ranges are answered by the LTS line, bounded ones by the highest major that fits."""
    assert simplify(text) == RANGES[text]


def test_the_setting_wins_over_the_project(tmp_path: Path) -> None:
    """vpsdeploy.yml, devEngines, engines, .nvmrc, .node-version, volta: in this order."""
    lay(tmp_path, {".nvmrc": "22\n", ".node-version": "20"})
    package = {"engines": {"node": "24"}, "devEngines": {"runtime": {"name": "node", "version": "26"}}}
    assert detect_node(tmp_path, package, "24.21.0").value == "24.21.0"
    assert detect_node(tmp_path, package, "").value == "26"
    assert detect_node(tmp_path, {"engines": {"node": "24"}}, "").value == "24"
    assert detect_node(tmp_path, {}, "").value == "22"
    (tmp_path / ".nvmrc").unlink()
    assert detect_node(tmp_path, {"volta": {"node": "18.1.0"}}, "").value == "20"


def test_without_any_word_it_is_lts(tmp_path: Path) -> None:
    """A project that says nothing runs on today's LTS line."""
    assert detect_node(tmp_path, {}, "").value == "lts"
