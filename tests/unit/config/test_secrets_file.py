"""The file of secrets in the repository: what is written, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import secrets_file, vault
from orchestrator.config.secrets_file import SecretsFile
from orchestrator.errors import ConfigError
from orchestrator.model.env import Kept
from orchestrator.secret import Secret

KEY = Secret("k")
NAME = "0123456789ab"


def _file(path: Path, *names: str) -> SecretsFile:
    sealed = vault.encrypt(Secret("hunter2"), KEY, NAME)
    kept = {name: Kept(name, "ann@laptop", "2026-11-25T10:00:00Z", sealed) for name in names}
    return SecretsFile(path / "secrets.yml", NAME, kept)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Sorted by name, whatever the order; no value in plain text."""
    file = _file(tmp_path, "B", "A")
    secrets_file.write(file)
    found = secrets_file.read(file.path)
    assert (found.key, list(found.kept), found.kept["A"]) == (NAME, ["A", "B"], file.kept["A"])
    assert "hunter2" not in file.path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["secrets.yml"]


def test_one_value_that_changes_is_its_lines_only(tmp_path: Path) -> None:
    """What Git shows of a change names the secret and who changed it."""
    file = _file(tmp_path, "A", "B", "C")
    before = secrets_file.render(file).splitlines()
    new = Kept("B", "bob@ci", "2026-11-26T10:00:00Z", vault.encrypt(Secret("other"), KEY, NAME))
    after = secrets_file.render(SecretsFile(file.path, NAME, {**file.kept, "B": new})).splitlines()
    first, last = before.index("  B:"), before.index("  C:")
    assert before[: first + 1] == after[: first + 1]
    assert before[last:] == after[after.index("  C:") :]


def test_without_a_file_there_are_no_secrets(tmp_path: Path) -> None:
    """And no key."""
    assert secrets_file.read(tmp_path / "secrets.yml") == SecretsFile(tmp_path / "secrets.yml")


def test_a_file_without_secrets_keeps_its_key(tmp_path: Path) -> None:
    """The next one is encrypted with the same."""
    secrets_file.write(_file(tmp_path))
    assert secrets_file.read(tmp_path / "secrets.yml").key == NAME


SEALED = vault.encrypt(Secret("x"), KEY, NAME).replace("\n", "\n      ")
ENTRY = f'    by: "a"\n    at: "b"\n    value: |\n      {SEALED}\n'
BAD = {
    "a merge conflict": (f'key: "{NAME}"\nsecrets:\n<<<<<<< HEAD\n  A:\n{ENTRY}', "secrets.yml:"),
    "plain text": (
        f'key: "{NAME}"\nsecrets:\n  A:\n    value: hunter2\n',
        ":3: secrets.A: has no value that",
    ),
    "no env name": (
        f'key: "{NAME}"\nsecrets:\n  a-b:\n{ENTRY}',
        ":3: secrets.a-b: a name of an env variable",
    ),
    "ours": (f'key: "{NAME}"\nsecrets:\n  PORT:\n{ENTRY}', "vpsdeploy sets it for each instance"),
    "twice": (f'key: "{NAME}"\nsecrets:\n  A:\n{ENTRY}  A:\n{ENTRY}', "the key is there twice"),
    "another shape": ("A: 1\n", "must have the keys key (a key's name) and secrets"),
    "no key": ("key: me\nsecrets: {}\n", "must have the keys key"),
    "empty": ("", "must have the keys key"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD.keys())
def test_what_the_tool_does_not_write_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With its line; never a value that stands there in plain text."""
    path = tmp_path / "secrets.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        secrets_file.read(path)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
