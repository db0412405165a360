"""docs/audits.md, as the tests read it: the findings that stay, by Debian."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs/audits.md"


class Row(NamedTuple):
    """One line of its tables.

    Attributes:
        rules: Ids of rules, without their common beginning.
        debians: The releases on which they fail.
        why: The reason.
    """

    rules: tuple[str, ...]
    debians: tuple[int, ...]
    why: str


def rows() -> list[Row]:
    """Every line of the page's tables."""
    cells = [line.split("|")[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [
        Row(
            tuple(re.findall(r"`([\w-]+)`", rules)), tuple(map(int, re.findall(r"\d+", debians))), why.strip()
        )
        for rules, debians, why in cells
    ]


def listed(debian: int) -> set[str]:
    """The rules that fail on a Debian."""
    return {rule for row in rows() if debian in row.debians for rule in row.rules}
