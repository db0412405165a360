"""A person's editor on a file that never reaches a disk."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import HostNotReady, UsageError
from orchestrator.secret import without_key
from orchestrator.transport import mounts
from orchestrator.transport.ansible_private import run_dir

_VIM = ("vim", "nvim")
_QUIET = ["-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile"]
"""Vim without swap file, list of what was yanked, backup and undo file: all of them would be plain text on a disk."""


@contextmanager
def opened(text: str) -> Iterator[Document]:
    """A text to edit; its file is gone at the end, whatever happens.

    Raises: HostNotReady: this machine has no directory in memory.
    """
    with run_dir() as directory:
        _check_memory(directory)
        path = directory / "secrets.env"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode())
        yield Document(path)


class Document:
    """The text while it is edited.

    Args:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def edit(self) -> str:
        """Let the person edit it. Returns: what the file holds now.

        Raises: UsageError: no editor, or it failed, or the file is not UTF-8.
        """
        words = _editor()
        try:
            done = subprocess.run([*words, str(self._path)], env=without_key(os.environ), check=False)
        except OSError as error:
            raise _failed(words, str(error.strerror)) from None
        if done.returncode != 0:
            raise _failed(words, f"it ended with exit code {done.returncode}")
        try:
            return self._path.read_bytes().decode()
        except UnicodeDecodeError:
            raise UsageError(
                "what was written is not UTF-8 text", state="nothing was changed", next="write it as UTF-8"
            ) from None


def _editor() -> list[str]:
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    return [*words, *(_QUIET if words and Path(words[0]).name in _VIM else [])]


def _failed(words: list[str], why: str) -> UsageError:
    return UsageError(
        f"the editor {words[0] if words else ''} failed", why=why, state="nothing was changed",
        next="set EDITOR to an editor that waits until you are done, such as EDITOR='code --wait'",
    )  # fmt: skip


def _check_memory(directory: Path) -> None:
    if not mounts.in_memory(directory):
        raise HostNotReady(
            "there is no directory in memory for the text",
            why=f"{directory} is on {mounts.kind(directory) or 'an unknown file system'}",
            state="nothing was written",
            next="set XDG_RUNTIME_DIR to a directory on a tmpfs, or use vpsdeploy env set",
        )
