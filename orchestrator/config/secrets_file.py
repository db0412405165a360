"""inventories/<stage>/secrets.yml: names in plain text, each value encrypted on its own.

So a change of one value is a change of its lines in Git, two people who change different ones do not conflict, and
names can be checked and listed without the key.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.config import document, vault
from orchestrator.config.document import Document
from orchestrator.config.fields import env_key
from orchestrator.config.problems import Problem, refused
from orchestrator.errors import ConfigError, UsageError
from orchestrator.model.env import Kept

_HEAD = (
    "# Secrets, each encrypted on its own (ansible-vault). Written by `vpsdeploy env`; see docs/secrets.md."
)
_NAME = re.compile(r"[0-9a-f]{12}")
_FIELDS = ("by", "at", "value")
_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SecretsFile:
    """What a stage's file says.

    Attributes:
        path: Where it is; it need not be there.
        key: Name of the key that new values are encrypted with; empty where there is none yet. What was merged across a
            rotation may still have an older one, until the next rotation.
        kept: By name, in the order of their names.
    """

    path: Path
    key: str = ""
    kept: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """How people know the file."""
        return f"inventories/{self.path.parent.name}/{self.path.name}"


def read(path: Path) -> SecretsFile:
    """What the file says; nothing where it is not there.

    Raises: ConfigError: it is not what `vpsdeploy env` writes (a merge conflict, an edit by hand), with its lines.
    """
    if not path.exists():
        return SecretsFile(path)
    written, empty = document.read(path), SecretsFile(path)
    problems = list(written.problems)
    values = written.values if isinstance(written.values, dict) else {}
    key = written.texts.get(("key",), "")
    if (
        set(values) != {"key", "secrets"}
        or not isinstance(values["secrets"], dict)
        or not _NAME.fullmatch(key)
    ):
        problems.append(Problem(1, (), "must have the keys key (a key's name) and secrets, and no other"))
        raise _refused(empty, problems)
    kept = {name: _kept(written, name, problems) for name in values["secrets"]}
    if problems:
        raise _refused(empty, problems)
    return SecretsFile(path, key, kept)


def write(file: SecretsFile) -> None:
    """Replace the file at once."""
    beside = file.path.with_name(f".{file.path.name}.new")
    beside.write_text(render(file), encoding="utf-8")
    beside.replace(file.path)


def render(file: SecretsFile) -> str:
    """Its text: sorted, so that the same secrets are the same lines."""
    blocks = [_block(one) for one in sorted(file.kept.values(), key=lambda one: one.name)]
    return "\n".join([_HEAD, f'key: "{file.key}"', "secrets:" if blocks else "secrets: {}", *blocks, ""])


def _block(one: Kept) -> str:
    about = f'  {one.name}:\n    by: "{_plain(one.by)}"\n    at: "{one.at}"\n    value: |\n'
    return about + textwrap.indent(one.sealed, " " * 6)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes of this machine from changing the file meanwhile.

    Raises: UsageError: one is at it.
    """
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(
                    "another vpsdeploy env is changing the secrets", why="perhaps an editor is open in another window",
                    state="nothing was changed", next="end that one first",
                ) from None  # fmt: skip
        time.sleep(_POLL_SECONDS)


def _kept(written: Document, name: str, problems: list[Problem]) -> Kept:
    """One entry; what is wrong with it joins the problems."""
    at = ("secrets", name)
    fields = {one: written.texts.get((*at, one), "") for one in _FIELDS}
    sealed = fields["value"].rstrip("\n")
    try:
        env_key(name)
    except ValueError as error:
        problems.append(Problem(written.line(at), at, str(error)))
    if not vault.label(sealed):
        problems.append(Problem(written.line(at), at, "has no value that `vpsdeploy env set` encrypted"))
    return Kept(name, fields["by"], fields["at"], sealed)


def _refused(file: SecretsFile, problems: list[Problem]) -> ConfigError:
    advice = (
        f"take it back with git checkout {file.shown}, or resolve the conflict: of each name, one whole entry"
    )
    return refused(file.path, problems, name=file.shown, next=advice)


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in '"\\')
