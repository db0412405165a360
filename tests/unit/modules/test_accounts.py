"""Users whose password is taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.vpsdeploy import accounts
from ansible.module_utils.vpsdeploy.host import Host

SHADOW = "root:{}:20000:0:99999:7:::\nann:$y$j9T$salt$hash:20000:0:99999:7:::\n"


def lock(tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[list[str]]]:
    """Lock root, whose field in shadow is given: the changes that are told, the programs that are run."""
    (tmp_path / "shadow").write_text(SHADOW.format(password))
    host, ran = Host(False), list[list[str]]()
    monkeypatch.setattr(host, "run", ran.append)
    accounts.lock(host, ["root", "nobody-like-this"], tmp_path / "shadow")
    return host.changes, ran


@pytest.mark.parametrize("password", ["$y$j9T$salt$hash", ""])
def test_a_password_is_taken_away(password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also an empty one, which lets everybody in. A user who is not there is passed over."""
    changes, ran = lock(tmp_path, password, monkeypatch)
    assert changes == ["user root: no password"]
    assert ran == [["usermod", "--password", "*", "root"]]


@pytest.mark.parametrize("password", ["*", "!", "!*", "!$y$j9T$salt$hash"])
def test_who_has_none_is_left_alone(password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever took it away, and however."""
    assert lock(tmp_path, password, monkeypatch) == ([], [])


def test_a_rehearsal_takes_nothing_away(tmp_path: Path) -> None:
    """It tells the change; running usermod would fail here."""
    (tmp_path / "shadow").write_text("nobody-like-this:hash:1::::::\n")
    host = Host(check_mode=True)
    accounts.lock(host, ["nobody-like-this"], tmp_path / "shadow")
    assert host.changes == ["user nobody-like-this: no password"]
