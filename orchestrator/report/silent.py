"""Hosts that did not answer, beside what the others say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.errors import VpsdeployError

Silent = Mapping[str, VpsdeployError]
"""Why a host did not answer, by host."""


def lines(silent: Silent) -> list[str]:
    """For people: why, and what to do about it."""
    return [
        line for name, error in silent.items()
        for line in (f"no answer from {name}: {error.what}: {error.why}", f"  next: {_indented(error.next)}")
    ]  # fmt: skip


def _indented(text: str) -> str:
    return text.replace("\n", "\n        ")


def fields(silent: Silent) -> list[dict[str, Any]]:
    """For programs: the errors as they are, with the host's inventory name alone."""
    return [error.as_dict() | {"host": name} for name, error in silent.items()]
