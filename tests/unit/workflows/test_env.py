"""`vpsdeploy env` on a project in a temporary directory: what is kept, refused, and said."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator.config import secret_key, secrets_file, vault
from orchestrator.config import secrets as stage_secrets
from orchestrator.config.app import AppConfig
from orchestrator.errors import ConfigError, UsageError
from orchestrator.model.fleet import Stage
from orchestrator.secret import KEY_VARIABLE, Secret
from orchestrator.workflows import env

CONFIG = AppConfig.model_validate({"app": "shop", "env": {"LOG_LEVEL": "info"}, "env_required": ("JWT",)})
NASTY = {
    "NEWLINES": "-----BEGIN KEY-----\nabc\n-----END KEY-----\n", "QUOTES": "a'b\"c`d\\$e #f", "UNICODE": "ü€😀",
    "EMPTY": "", "SPACES": "  x \t", "LARGE": "x" * 65536,
}  # fmt: skip


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    return Stage("production", folder / "hosts.yml", folder / "known_hosts")


def _values(stage: Stage) -> dict[str, str]:
    return {name: value.reveal() for name, value in stage_secrets.opened(stage).values().items()}


def _put(stage: Stage, **values: str) -> None:
    env.put(CONFIG, stage, {name: Secret(value) for name, value in values.items()})


def test_values_come_back_exactly(stage: Stage) -> None:
    """Newlines, quotes, unicode, nothing, 64 KiB."""
    _put(stage, **NASTY)
    assert _values(stage) == NASTY
    assert env.reveal(stage, "QUOTES").reveal() == NASTY["QUOTES"]


def test_the_first_secret_makes_the_key(stage: Stage) -> None:
    """It is told where it is; the second secret takes the same."""
    first = env.put(CONFIG, stage, {"A": Secret("1")})
    assert first.key_file == str(secret_key.file_of(first.key))
    assert stat.S_IMODE(Path(first.key_file).stat().st_mode) == 0o600
    assert env.put(CONFIG, stage, {"B": Secret("2")}).key_file == ""


def test_a_value_that_stays_keeps_its_lines(stage: Stage) -> None:
    """Set again to the same, it is not encrypted anew: Git shows nothing."""
    _put(stage, A="1", B="2")
    before = stage.secrets.read_text()
    done = env.put(CONFIG, stage, {"A": Secret("1")})
    assert (done.set, done.same, stage.secrets.read_text() == before) == ({}, ("A",), True)


@pytest.mark.parametrize("name", ["a-b", "1A", "", "PORT", "NODE_ENV", "VPSDEPLOY_X", "LOG_LEVEL"])
def test_names_that_cannot_be_secrets(stage: Stage, name: str) -> None:
    """No env name, ours, or in vpsdeploy.yml; nothing is written."""
    with pytest.raises(UsageError, match="cannot be a secret"):
        env.put(CONFIG, stage, {name: Secret("x")})
    assert not stage.secrets.exists()


def test_a_value_in_the_arguments_is_refused_and_not_repeated() -> None:
    """It is known already to the process list and the shell's history."""
    with pytest.raises(UsageError) as caught:
        env.check_names(CONFIG, ["A=hunter2"])
    assert "hunter2" not in str(caught.value)
    assert "vpsdeploy env set A" in caught.value.next


@pytest.mark.parametrize("value", ["a\0b", "crlf\r\n", "\x1b[0m", "\udc80", "x" * 131_001])
def test_values_that_no_process_would_get(stage: Stage, value: str) -> None:
    """Control characters, what is no text, and what Linux does not hand over; the value is not shown."""
    with pytest.raises(UsageError) as caught:
        env.put(CONFIG, stage, {"A": Secret(value)})
    assert value not in str(caught.value)
    assert not stage.secrets.exists()


def test_all_together_fit_into_one_environment(stage: Stage) -> None:
    """More would keep every process of the app from starting."""
    with pytest.raises(UsageError, match="too much for one environment"):
        _put(stage, **{f"A{n}": "x" * 130_000 for n in range(9)})


def test_unset_needs_no_key(stage: Stage) -> None:
    """But it needs the name to be there: then nothing is removed at all."""
    _put(stage, A="1", B="2")
    secret_key.file_of(secrets_file.read(stage.secrets).key).unlink()
    with pytest.raises(UsageError, match="has no secret C"):
        env.unset(stage, ["A", "C"])
    assert env.unset(stage, ["A"]).unset == ("A",)
    assert list(secrets_file.read(stage.secrets).kept) == ["B"]


def test_an_import_says_what_it_took_and_what_not(stage: Stage) -> None:
    """A .env file often has names that are ours."""
    done = env.take_in(CONFIG, stage, "export A='1'\nPORT=3000\noops\nlow=1\nB=\"x\\ny\" # c\n")
    assert done.set == {"A": 1, "B": 3}
    assert [name for name, _ in done.refused] == ["line 3", "PORT", "low"]
    assert _values(stage) == {"A": "1", "B": "x\ny"}


def test_an_import_of_nothing_changes_nothing(stage: Stage) -> None:
    """And is an error that says why."""
    with pytest.raises(UsageError, match="nothing was imported"):
        env.take_in(CONFIG, stage, "PORT=3000\n")


def test_the_list_shows_no_value(stage: Stage) -> None:
    """Sizes and digests with the key; names without."""
    _put(stage, A="hunter2", B="hunter2")
    seen = env.listed(CONFIG, stage)
    assert [(one.name, one.size_bytes) for one in seen.secrets] == [("A", 7), ("B", 7)]
    assert seen.secrets[0].digest != seen.secrets[1].digest
    assert (seen.plain, seen.missing, seen.problem) == (("LOG_LEVEL",), ("JWT",), "")
    assert "hunter2" not in repr(seen)
    secret_key.file_of(seen.key).unlink()
    blind = env.listed(CONFIG, stage)
    assert [(one.name, one.size_bytes, one.digest) for one in blind.secrets] == [
        ("A", None, None),
        ("B", None, None),
    ]
    assert "is not here" in blind.problem


def test_without_the_key_nothing_can_be_set(stage: Stage) -> None:
    """Else the file would hold values of two keys that nobody has both of."""
    _put(stage, A="1")
    before = stage.secrets.read_text()
    secret_key.file_of(secrets_file.read(stage.secrets).key).unlink()
    with pytest.raises(ConfigError, match="is not here"):
        _put(stage, B="2")
    assert stage.secrets.read_text() == before


def test_a_rotation_encrypts_everything_anew(stage: Stage) -> None:
    """With a key of another name; values, their authors and times stay, and the old key stays for older commits."""
    _put(stage, **NASTY)
    old = secrets_file.read(stage.secrets)
    done = env.rotate_key(stage)
    new = secrets_file.read(stage.secrets)
    assert done.key == new.key != old.key
    assert _values(stage) == NASTY
    assert [(one.name, one.by, one.at) for one in new.kept.values()] == [
        (one.name, one.by, one.at) for one in sorted(old.kept.values(), key=lambda one: one.name)
    ]
    assert not {one.sealed for one in new.kept.values()} & {one.sealed for one in old.kept.values()}
    assert secret_key.file_of(old.key).is_file()


def test_what_was_merged_across_a_rotation_is_read_with_both_keys(stage: Stage) -> None:
    """Until the next rotation, which makes it one key again."""
    _put(stage, A="1")
    branch = secrets_file.read(stage.secrets).kept
    env.rotate_key(stage)
    _put(stage, B="2")
    main = secrets_file.read(stage.secrets)
    secrets_file.write(secrets_file.SecretsFile(main.path, main.key, {**main.kept, **branch}))
    assert _values(stage) == {"A": "1", "B": "2"}
    older = secret_key.file_of(vault.label(branch["A"].sealed))
    key = older.read_text()
    older.unlink()
    with pytest.raises(ConfigError, match="is not here") as caught:
        _values(stage)
    assert "vpsdeploy env add-key" in caught.value.next
    assert env.add_key(stage, key).key_file == str(older)
    env.rotate_key(stage)
    assert _values(stage) == {"A": "1", "B": "2"}


def test_a_colleague_s_key_is_kept_only_where_it_is_the_right_one(stage: Stage) -> None:
    """Another stage's is refused by its name."""
    _put(stage, A="1")
    path = secret_key.file_of(secrets_file.read(stage.secrets).key)
    key = path.read_text()
    path.unlink()
    with pytest.raises(ConfigError, match="this is not the key"):
        env.add_key(stage, secret_key.generate().reveal())
    with pytest.raises(ConfigError, match="this is no key"):
        env.add_key(stage, "hunter2")
    assert env.add_key(stage, key).key_file == str(path)
    assert _values(stage) == {"A": "1"}


def test_a_damaged_value_names_the_secret(stage: Stage) -> None:
    """And how to find who changed it."""
    _put(stage, A="1")
    lines = stage.secrets.read_text().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(lines[-1].strip(), "00" * 20)
    stage.secrets.write_text("".join(lines))
    with pytest.raises(ConfigError, match="the secret A cannot be decrypted"):
        stage_secrets.opened(stage).values()


def _editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")


def test_an_edit_changes_what_was_changed_and_leaves_nothing(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is in memory, for its owner only, and gone afterwards; what no .env file can hold stays."""
    _put(stage, **NASTY, GONE="1", CHANGED="1")
    before = secrets_file.read(stage.secrets).kept
    _editor(tmp_path, monkeypatch, f'stat -c "%n %a" "$1" > {tmp_path}/seen; '
            f'stat -f -c %T "$1" >> {tmp_path}/seen; sed -i "/^GONE=/d; s/^CHANGED=1/CHANGED=2/" "$1"; '
            f'echo "NEW=\'a b\'" >> "$1"')  # fmt: skip
    done = env.edit(CONFIG, stage, lambda _: False)
    assert (done.set, done.unset) == ({"CHANGED": 1, "NEW": 3}, ("GONE",))
    assert _values(stage) == {**NASTY, "CHANGED": "2", "NEW": "a b"}
    name, mode, kind = (tmp_path / "seen").read_text().split()
    assert (mode, kind, Path(name).exists()) == ("600", "tmpfs", False)
    after = secrets_file.read(stage.secrets).kept
    assert all(after[name] == before[name] for name in NASTY)


def test_a_text_with_a_mistake_can_be_edited_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was typed is not lost; if nobody wants to go on, nothing is changed."""
    _put(stage, A="1")
    _editor(
        tmp_path,
        monkeypatch,
        'grep -q B=2 "$1" && sed -i "s/^oops//" "$1" || { echo B=2; echo oops; } >> "$1"',
    )
    told: list[str] = []

    def again(text: str) -> bool:
        told.append(text)
        return len(told) > 1  # given up the first time

    with pytest.raises(UsageError, match="cannot be taken"):
        env.edit(CONFIG, stage, again)
    assert _values(stage) == {"A": "1"}
    done = env.edit(CONFIG, stage, again)
    assert done.set == {"B": 1}
    assert "is no variable" in told[-1]


@pytest.mark.parametrize(("script", "why"), [("exit 3", "exit code 3"), ("printf '\\377' > \"$1\"", "")])
def test_an_editor_that_fails_changes_nothing(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    """Whatever it left in the file."""
    _put(stage, A="1")
    _editor(tmp_path, monkeypatch, script)
    with pytest.raises(UsageError) as caught:
        env.edit(CONFIG, stage, lambda _: False)
    assert why in caught.value.why
    assert _values(stage) == {"A": "1"}


def test_a_disk_is_no_place_to_edit_on(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is written there."""
    _editor(tmp_path, monkeypatch, "true")
    monkeypatch.setattr("orchestrator.transport.mounts.kind", lambda _: "ext4")
    with pytest.raises(Exception, match="no directory in memory"):
        env.edit(CONFIG, stage, lambda _: False)
