"""SQL with values in it, as each kind of server writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

_PLACE = re.compile("%[ILs]")


class Statement(Protocol):
    """A text with places, and what stands there: %I is a name, %L a text, %s SQL."""

    def __call__(self, text: str, *values: str) -> str:
        """The statement."""


def written(name: Callable[[str], str], literal: Callable[[str], str]) -> Statement:
    """How one kind of server writes statements.

    Args:
        name: A name as its SQL takes it.
        literal: A text as its SQL takes it.
    """
    ways: dict[str, Callable[[str], str]] = {"%I": name, "%L": literal, "%s": str}

    def sql(text: str, *values: str) -> str:
        given = iter(values)
        return _PLACE.sub(lambda found: ways[found[0]](next(given)), text)

    return sql
