"""Environment files that systemd reads back exactly.

Source: systemd src/basic/env-file.c (in double quotes a backslash escapes only " \\ ` $) and
src/basic/env-util.c, env_value_is_valid: valid UTF-8, no control characters but tab and newline; a variable that is
not valid is dropped with a mere warning, so we refuse it before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.agent.failures import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED = re.compile(r'(["\\`$])')
_MOST_BYTES = 131_000
"""Longest name and value: the kernel's limit for one string of an environment is 131,072 (MAX_ARG_STRLEN)."""


def encode(variables: Mapping[str, str]) -> bytes:
    """The file's content.

    Raises: UsageError: a variable that systemd would drop.
    """
    return "".join(f"{_checked(name, value)}\n" for name, value in variables.items()).encode()


def check(name: object, value: object) -> None:
    """Check that systemd will hand over a variable as it is.

    Raises: UsageError: it will not; the value itself is never shown.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError("the settings are wrong", why=f"env has the name {str(name)[:100]!r}")
    if not isinstance(value, str) or len(value) + len(name) > _MOST_BYTES or not all(map(_passes, value)):
        why = f"env {name} is no text, too long, or holds a character that systemd drops (control, surrogate)"
        raise UsageError("the settings are wrong", why=why)
    if len(value.encode()) + len(name) > _MOST_BYTES:
        raise UsageError("the settings are wrong", why=f"env {name} is longer than {_MOST_BYTES} bytes")


def _checked(name: str, value: str) -> str:
    check(name, value)
    return f'{name}="' + _ESCAPED.sub(r"\\\1", value) + '"'


def _passes(character: str) -> bool:
    code = ord(character)
    if code < 0x20:
        return character in "\t\n"
    return (
        code != 0x7F
        and not 0xD800 <= code <= 0xDFFF
        and not 0xFDD0 <= code <= 0xFDEF
        and code & 0xFFFE != 0xFFFE
    )
