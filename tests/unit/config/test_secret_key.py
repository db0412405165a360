"""Where the key of a stage's secrets is looked for, and what is said where it is not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator.config import secret_key
from orchestrator.errors import ConfigError
from orchestrator.secret import KEY_COMMAND_VARIABLE, KEY_VARIABLE, Secret

KEY, OTHER = secret_key.generate(), secret_key.generate()
NAME = secret_key.name_of(KEY)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(KEY_COMMAND_VARIABLE, raising=False)


def _find() -> Secret:
    return secret_key.find(NAME, "inventories/production/secrets.yml", stage="production")


def test_a_key_is_256_random_bits_and_its_name_tells_nothing() -> None:
    """Two are never the same; the name is no part of it."""
    assert KEY != OTHER
    assert len(KEY.reveal()) == len("vpsdeploy-key-") + 43
    assert NAME not in KEY.reveal()


def test_it_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    """The file and its directory; nothing is left beside."""
    path = secret_key.store(KEY)
    assert path == tmp_path / "vpsdeploy" / "keys" / f"{NAME}.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert _find() == KEY


def test_of_several_in_the_environment_the_right_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CI job may serve several stages, or both sides of a rotation."""
    monkeypatch.setenv(KEY_VARIABLE, f"{OTHER.reveal()} {KEY.reveal()}")
    assert _find() == KEY


def test_a_command_knows_what_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage and the key's name: one command serves all stages."""
    script = (
        f'[ "$VPSDEPLOY_STAGE $VPSDEPLOY_SECRETS_KEY_NAME" = "production {NAME}" ] && echo {KEY.reveal()}'
    )
    monkeypatch.setenv(KEY_COMMAND_VARIABLE, script)
    assert _find() == KEY


def test_once_it_is_found_nobody_else_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password manager asks a person; a job of CI has none, and needs none."""
    monkeypatch.setenv(KEY_VARIABLE, KEY.reveal())
    monkeypatch.setenv(KEY_COMMAND_VARIABLE, f"touch {tmp_path}/asked; exit 1")
    assert _find() == KEY
    assert not (tmp_path / "asked").exists()


def test_where_it_is_nowhere_every_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was there instead, by its name; never a key."""
    monkeypatch.setenv(KEY_VARIABLE, OTHER.reveal())
    with pytest.raises(ConfigError) as caught:
        _find()
    assert caught.value.what == "the key of the secrets of production is not here"
    assert caught.value.why.splitlines() == [
        f"inventories/production/secrets.yml needs the key {NAME}",
        f"VPSDEPLOY_SECRETS_KEY: has {secret_key.name_of(OTHER)}",
        "VPSDEPLOY_SECRETS_KEY_COMMAND: not there",
        f"{secret_key.file_of(NAME)}: not there",
    ]
    assert OTHER.reveal() not in str(caught.value)
    assert "vpsdeploy env add-key" in caught.value.next


@pytest.mark.parametrize(
    ("command", "why"), [("exit 3", "exit code 3"), ("echo hunter2", "a key is vpsdeploy-key- and 43")]
)
def test_a_command_that_gives_no_key_is_an_error(
    monkeypatch: pytest.MonkeyPatch, command: str, why: str
) -> None:
    """What it printed is not shown: it may be another secret."""
    monkeypatch.setenv(KEY_COMMAND_VARIABLE, command)
    with pytest.raises(ConfigError) as caught:
        _find()
    assert why in caught.value.why
    assert "hunter2" not in str(caught.value)


def test_a_file_that_others_can_read_is_refused() -> None:
    """As SSH does with its keys."""
    path = secret_key.store(KEY)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read"):
        _find()
