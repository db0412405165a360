"""Ranges of engines.node against versions."""

from __future__ import annotations

import pytest

from orchestrator.project.semver_range import satisfies

RANGES = {
    "": ["20.1.0"],
    "*": ["20.1.0"],
    ">=20": ["20.0.0", "26.1.0", "!19.9.9"],
    ">20": ["21.0.0", "!20.5.0"],
    ">= 20.19 < 23": ["20.19.0", "22.9.9", "!20.18.9", "!23.0.0"],
    "<=22": ["22.9.9", "18.0.0", "!23.0.0"],
    "22": ["22.0.0", "22.23.3", "!23.0.0", "!21.9.9"],
    "22.x": ["22.23.3", "!23.0.0"],
    "~22.12": ["22.12.9", "!22.13.0"],
    "~22": ["22.13.0", "!23.0.0"],
    "^22.12.1": ["22.12.1", "22.30.0", "!22.12.0", "!23.0.0"],
    "^0.10.2": ["0.10.9", "!0.11.0"],
    "^20.19.0 || ^22.12.0 || >=24": ["20.20.2", "22.12.0", "26.0.0", "!22.11.0", "!23.1.0"],
    "20 - 22": ["20.0.0", "22.9.9", "!23.0.0", "!19.0.0"],
    "v24.21.0": ["24.21.0", "!24.21.1"],
    "lts/*": ["20.1.0"],
}
CASES = [(text, version.lstrip("!"), version[0] != "!") for text, all_ in RANGES.items() for version in all_]


@pytest.mark.parametrize(("text", "version", "fits"), CASES)
def test_a_range_holds_what_npm_says(text: str, version: str, fits: bool) -> None:
    """As npm reads it; a range that is not understood refuses nothing."""
    assert satisfies(tuple(map(int, version.split("."))), text) is fits
