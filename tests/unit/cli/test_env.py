"""Whole outputs and exit codes of `vpsdeploy env`, and that no value is among them."""

from __future__ import annotations

import getpass
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.config import secret_key
from orchestrator.secret import KEY_VARIABLE
from orchestrator.transport import local, typed

INVENTORY = """\
all:
  children:
    app: {hosts: {web-1: {ansible_host: 10.0.0.11}}}
    loadbalancer: {hosts: {web-1: {}}}
"""
Vpsdeploy = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="vpsdeploy")
def _vpsdeploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Vpsdeploy:
    """Run the command line, with something on standard input: (exit code, standard output, standard error)."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\nenv: {LOG_LEVEL: info}\nenv_required: [TOKEN]\n")
    (tmp_path / "inventories" / "production").mkdir(parents=True)
    (tmp_path / "inventories" / "production" / "hosts.yml").write_text(INVENTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vpsdeploy", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_set_list_reveal_unset(vpsdeploy: Vpsdeploy, tmp_path: Path) -> None:
    """The life of a secret; only `reveal` shows it, exactly."""
    code, out, err = vpsdeploy("env", "set", "TOKEN", stdin=b"hunter2\n")
    key = next((tmp_path / "config/vpsdeploy/keys").iterdir())
    assert (code, err) == (0, "")
    assert out == (
        f"set TOKEN (7 bytes)\nkey {key.stem}: {key}\n"
        "Keep a copy of it where your team keeps passwords: without it nobody can read these secrets.\n"
        "  CI:         its content, as the variable VPSDEPLOY_SECRETS_KEY\n"
        "  colleagues: vpsdeploy env add-key asks for it\n"
        "commit inventories/production/secrets.yml; hosts get it with vpsdeploy env apply, or with the next release\n"
    )
    code, out, _ = vpsdeploy("env", "list", "--json")
    [seen] = json.loads(out)["secrets"]
    assert (seen["name"], seen["size_bytes"], seen["by"]) == ("TOKEN", 7, local.this_process().by)
    code, out, _ = vpsdeploy("env", "list")
    assert out == (
        f"NAME       KIND           BYTES  DIGEST        SET AT                BY\n"
        f"TOKEN      secret         7      {seen['digest']}  {seen['at']}  {seen['by']}\nLOG_LEVEL  vpsdeploy.yml\n"
    )
    assert vpsdeploy("env", "reveal", "TOKEN") == (0, "hunter2", "")
    assert vpsdeploy("env", "unset", "TOKEN")[1].startswith("unset TOKEN\n")
    assert vpsdeploy("env", "list")[1] == (
        "NAME       KIND           BYTES  DIGEST  SET AT  BY\nLOG_LEVEL  vpsdeploy.yml\n"
        "production has no secrets: vpsdeploy env set NAME\nmissing (env_required): TOKEN: vpsdeploy env set TOKEN\n"
    )


@pytest.mark.parametrize(
    ("stdin", "value"),
    [(b"one line\n", "one line"), (b"", ""), (b"a\nb\n", "a\nb\n"), (b"a\n\n", "a\n\n"), (b"a", "a")],
)
def test_one_line_is_taken_without_its_end(vpsdeploy: Vpsdeploy, stdin: bytes, value: str) -> None:
    """As `echo` writes it; several lines are a key or a certificate, and are taken as they are."""
    vpsdeploy("env", "set", "TOKEN", stdin=stdin)
    assert vpsdeploy("env", "reveal", "TOKEN")[1] == value


def test_a_random_value_is_never_seen(vpsdeploy: Vpsdeploy) -> None:
    """It is made here and goes straight into the file."""
    _, out, _ = vpsdeploy("env", "set", "TOKEN", "OTHER", "--random")
    values = [vpsdeploy("env", "reveal", name)[1] for name in ("TOKEN", "OTHER")]
    assert [len(value) for value in values] == [43, 43]
    assert values[0] != values[1]
    assert not any(value in out for value in values)


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["set", "TOKEN=hunter2"], b"", "a value does not belong on the command line"),
        (["set", "A", "B"], b"hunter2", "standard input holds one value"),
        (["set", "TOKEN"], b"hunter2\xff", "standard input is not UTF-8 text"),
        (["set", "TOKEN"], b"hunter2\0", "the value of TOKEN cannot be taken"),
        (["set", "token"], b"hunter2", "'token' cannot be a secret"),
        (["import", "-"], b"PORT=hunter2", "nothing was imported"),
        (["import", "nowhere.env"], b"", "nowhere.env cannot be read"),
        (["unset", "TOKEN"], b"", "production has no secret TOKEN"),
        (["reveal", "TOKEN"], b"", "production has no secret TOKEN"),
        (["rotate-key"], b"", "production has no secrets yet"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing_and_repeats_no_value(
    vpsdeploy: Vpsdeploy, tmp_path: Path, arguments: list[str], stdin: bytes, said: str
) -> None:
    """Each ends with exit code 2."""
    code, out, err = vpsdeploy("env", *arguments, stdin=stdin)
    assert (code, out) == (2, "")
    assert said in err
    assert "hunter2" not in err
    assert not (tmp_path / "inventories/production/secrets.yml").exists()


def test_a_terminal_is_asked_without_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name by itself."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "hunter2"

    monkeypatch.setattr(getpass, "getpass", answer)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert set(typed.secrets(["A", "B"])) == {"A", "B"}
    assert asked == ["A (hidden): ", "B (hidden): "]


def test_import_rotate_and_add_key(vpsdeploy: Vpsdeploy, tmp_path: Path) -> None:
    """A colleague gets the new key, and the file of the old one stays."""
    (tmp_path / ".env").write_text("TOKEN='hunter2'\nPORT=3000\n")
    code, out, _ = vpsdeploy("env", "import", ".env", "--json")
    done = json.loads(out)
    assert (code, done["set"], [one["name"] for one in done["refused"]]) == (
        0, [{"name": "TOKEN", "size_bytes": 7}], ["PORT"],
    )  # fmt: skip
    _, out, _ = vpsdeploy("env", "rotate-key", "--json")
    new = json.loads(out)["key"]
    assert new != done["key"]
    key = secret_key.file_of(new).read_text()
    secret_key.file_of(new).unlink()
    code, _, err = vpsdeploy("env", "reveal", "TOKEN")
    assert (code, "the key of the secrets of production is not here" in err) == (3, True)
    assert vpsdeploy("env", "add-key", stdin=key.encode())[0] == 0
    assert vpsdeploy("env", "reveal", "TOKEN")[1] == "hunter2"
