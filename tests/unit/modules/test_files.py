"""A role's files: one tree, applied whole or not at all."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import files
from ansible.module_utils.vpsdeploy.host import Host, HostError

ME = pwd.getpwuid(os.getuid()).pw_name
OURS = grp.getgrgid(os.getgid()).gr_name


def spec(path: Path, content: str = "", **other: Any) -> dict[str, Any]:
    """One file as the module hands it over."""
    empty = {"binary_content": None, "secret_content": None, "target": None}
    owner = {"owner": ME, "group": OURS, "mode": "0755" if other.get("state") == "directory" else "0644"}
    usual = {"validate": [], "state": "file", "path": str(path), "content": content}
    return {**empty, **owner, **usual, **other}


def apply(host: Host, *specs: dict[str, Any], check: list[str] | None = None) -> list[str]:
    """Plan and apply; the names of what changed."""
    files.apply(host, files.plan(host, list(specs)), check or [])
    changes: list[str] = host.changes
    return changes


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    """Files, directories and links that are right are left alone."""
    tree = [
        spec(tmp_path / "d", state="directory", mode="0750"),
        spec(tmp_path / "d/file", "text\n"),
        spec(tmp_path / "link", state="link", target="d/file"),
        spec(tmp_path / "gone", state="absent"),
    ]
    assert len(apply(Host(False), *tree)) == 3
    assert apply(Host(False), *tree) == []


def test_check_mode_names_every_change_and_makes_none(tmp_path: Path) -> None:
    """A dry run on a bare host: directories that are only going to be there do not stop it."""
    host = Host(check_mode=True, keep_diffs=True)
    changes = apply(host, spec(tmp_path / "new", state="directory"), spec(tmp_path / "new/file", "text\n"))
    assert changes == [str(tmp_path / "new"), str(tmp_path / "new/file")]
    assert host.diffs[1]["after"].endswith("text\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["content", "mode", "missing", "link"])
def test_what_was_altered_is_mended(damage: str, tmp_path: Path) -> None:
    """Content, mode, a deleted file, a link put in its place."""
    path = tmp_path / "file"
    apply(Host(False), spec(path, "right\n"))
    if damage == "content":
        path.write_text("wrong\n")
    elif damage == "mode":
        path.chmod(0o600)
    else:
        path.unlink()
    if damage == "link":
        path.symlink_to("/etc/passwd")
    assert apply(Host(False), spec(path, "right\n")) == [str(path)]
    assert (path.is_symlink(), path.read_text(), path.stat().st_mode & 0o777) == (False, "right\n", 0o644)


def test_refused_tree_is_put_back_whole(tmp_path: Path) -> None:
    """The check says no: what was written is undone, what was removed is back, with its mode."""
    kept = tmp_path / "kept"
    kept.write_text("old\n")
    kept.chmod(0o640)
    removed = tmp_path / "removed"
    removed.write_text("still needed\n")
    wanted = [
        spec(kept, "new\n"),
        spec(removed, state="absent"),
        spec(tmp_path / "new", state="directory"),
        spec(tmp_path / "new/file", "x"),
    ]
    with pytest.raises(HostError, match="put back as they were"):
        apply(Host(False), *wanted, check=["false"])
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("old\n", 0o640)
    assert removed.read_text() == "still needed\n"
    assert not (tmp_path / "new").exists()


def test_check_is_asked_without_changes_too(tmp_path: Path) -> None:
    """A tree that turned bad by itself must not stay green."""
    apply(Host(False), spec(tmp_path / "file", "x"))
    with pytest.raises(HostError):
        apply(Host(False), spec(tmp_path / "file", "x"), check=["false"])


def test_refused_file_never_reaches_its_path(tmp_path: Path) -> None:
    """The validator sees the new content elsewhere; the live file is not touched."""
    path = tmp_path / "file"
    path.write_text("old\n")
    with pytest.raises(HostError, match="was left as it is"):
        apply(Host(False), spec(path, "new\n", validate=["grep", "old", "%s"]))
    assert path.read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_somebody_s_directory_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """It may hold work that no role knows of."""
    (tmp_path / "there").mkdir()
    with pytest.raises(HostError, match="move it away"):
        apply(Host(False), spec(tmp_path / "there", "x"))


def test_secret_is_not_in_the_diff(tmp_path: Path) -> None:
    """The diff says that it changed, and not to what."""
    host = Host(False, keep_diffs=True)
    apply(host, spec(tmp_path / "key", secret_content="hunter2", mode="0600"))
    assert "hunter2" not in str(host.diffs)
    assert (tmp_path / "key").read_text() == "hunter2"


def test_unknown_owner_stops_a_run_but_not_a_dry_one(tmp_path: Path) -> None:
    """On a bare host the user is only going to be there."""
    wanted = spec(tmp_path / "file", "x", owner="nobody-has-this-name")
    assert apply(Host(check_mode=True), wanted) == [str(tmp_path / "file")]
    with pytest.raises(HostError, match="there is no user"):
        apply(Host(False), wanted)
