"""Where playbooks and roles are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_shipped"


def root() -> Path:
    """The directory that holds playbooks/ and roles/ side by side."""
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent


def playbook(name: str) -> Path:
    """The path of playbooks/<name>.yml."""
    return root() / "playbooks" / f"{name}.yml"


def roles() -> Path:
    """The directory of the roles."""
    return root() / "roles"
