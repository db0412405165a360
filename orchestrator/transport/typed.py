"""What a person types, or a program pipes to us: values that must not be seen."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.secret import Secret

_MOST_BYTES = 4 << 20


def secrets(names: Sequence[str]) -> dict[str, Secret]:
    """A value for each name: asked for without echo in a terminal, else one for the only name from standard input.

    Raises: UsageError: nothing was typed; several names and no terminal; not UTF-8.
    """
    if sys.stdin.isatty():
        return {name: _asked(name) for name in names}
    if len(names) != 1:
        raise UsageError(
            "standard input holds one value", why=f"{len(names)} names were given, and there is no terminal to ask in",
            state="nothing was changed", next="one command for each name, or vpsdeploy env import - (a .env file)",
        )  # fmt: skip
    return {names[0]: Secret(_one_value(piped()))}


def hidden(prompt: str) -> str:
    """One line, without echo in a terminal."""
    return getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else piped()


def piped() -> str:
    """All of standard input.

    Raises: UsageError: too long, or not UTF-8.
    """
    content = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise UsageError(
            "standard input is too long", why=f"more than {_MOST_BYTES} bytes", state="nothing was changed"
        )
    try:
        return content.decode()
    except UnicodeDecodeError:  # its own text would show what was read
        raise UsageError(
            "standard input is not UTF-8 text", state="nothing was changed",
            next="base64 makes text of anything: base64 -w0 FILE | vpsdeploy env set NAME",
        ) from None  # fmt: skip


def file(path: Path) -> str:
    """A .env file.

    Raises: UsageError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", why=str(error.strerror), state="nothing was changed"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", state="nothing was changed") from None


def _asked(name: str) -> Secret:
    value = getpass.getpass(f"{name} (hidden): ")
    if not value:
        raise UsageError(
            f"no value for {name} was typed", state="nothing was changed",
            next=f"an empty one, if it is meant: printf '' | vpsdeploy env set {name}",
        )  # fmt: skip
    return Secret(value)


def _one_value(text: str) -> str:
    """One line without its end, as `echo` writes it; several lines, such as a key's, exactly as they are."""
    return text[:-1] if text.endswith("\n") and text.count("\n") == 1 else text
