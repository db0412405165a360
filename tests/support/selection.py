"""Which cases of a long list `make test` takes; `make test-all` takes every one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def sample(cases: Iterable[str], always: Collection[str]) -> list[Any]:
    """Parameters for `parametrize`: those that are not taken always are marked `full`.

    Raises: ValueError: one of `always` is no case, so that a name that was changed takes nothing out unseen.
    """
    every = list(cases)
    if unknown := set(always) - set(every):
        raise ValueError(f"no such case: {', '.join(sorted(unknown))}")
    return [pytest.param(one, marks=() if one in always else pytest.mark.full) for one in every]
