"""Whether a version is inside of a range as package.json writes it (engines.node).

Source: npm's node-semver, "Ranges": alternatives by ||, comparators that must all hold, ^, ~, x-ranges and a - b.
"""

from __future__ import annotations

import re

Version = tuple[int, ...]
_COMPARATOR = re.compile(
    r"(>=|<=|>|<|=|\^|~)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:[-+][\w.+-]+)?"
)
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")


def satisfies(version: Version, text: str) -> bool:
    """Whether major, minor, patch fit; a range that is not understood is satisfied by everything."""
    return any(_all_hold(version, part.strip()) for part in text.split("||"))


def _all_hold(version: Version, text: str) -> bool:
    text = _HYPHEN.sub(r">=\1 <=\2", text)
    text = re.sub(r"(>=|<=|>|<|=|\^|~)\s+", r"\1", text)
    return all(_holds(version, word) for word in text.split())


def _holds(version: Version, word: str) -> bool:
    match = _COMPARATOR.fullmatch(word)
    if not match:
        return True
    given = tuple(int(n) for n in _before_x(match.groups()[1:]))
    low, above = _bounds(match[1] or "", given)
    operator = match[1] or "="
    if operator == ">":
        return version >= above
    if operator == "<":
        return version < low
    return (operator == "<=" or version >= low) and (operator == ">=" or version < above)


def _bounds(operator: str, given: Version) -> tuple[Version, Version]:
    """The lowest version that is meant, and the first one above: 22 means 22.0.0 up to, but without, 23.0.0."""
    if not given:
        return (0, 0, 0), (1 << 30, 0, 0)
    kept = len(given)
    if operator == "^":
        kept = 1 if given[0] or kept == 1 else 2
    elif operator == "~":
        kept = min(kept, 2)
    above = (*given[: kept - 1], given[kept - 1] + 1)
    return _padded(given), _padded(above)


def _padded(given: Version) -> Version:
    return (*given, 0, 0)[:3]


def _before_x(parts: tuple[str | None, ...]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if part is None or part in "xX*":
            break
        found.append(part)
    return found
