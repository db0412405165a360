"""A guarded change: what the host keeps of the time before, and the scripts that put it back or let it stay."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import files, guard
from ansible.module_utils.vpsdeploy.host import Host

from tests.unit.modules.test_files import spec

SYSTEMD = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
[ "$1" != show ] || printf 'ActiveState=%s\\nUnitFileState=%s\\n' "$ACTIVE" "$ENABLED"
"""
UNIT = {"name": "x.service", "enabled": True, "state": "started", "reload_on": [], "restart_on": []}


class World:
    """A host of one directory, whose systemd only takes notes."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "guard"
        self.calls = root / "calls"

    def systemd(self, verb: str) -> list[str]:
        """The calls of systemctl with this verb."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line for line in lines if line.startswith(f"systemctl {verb}")]

    def change(self, *specs: dict[str, Any], seconds: int = 60) -> guard.Armed:
        """Arm, then change; as vpsdeploy_apply does."""
        host = Host(check_mode=False)
        changes = files.plan(host, list(specs))
        armed = guard.arm(host, "ssh", seconds, changes, [UNIT], self.home)
        files.apply(host, changes, [])
        return armed

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the guard's scripts."""
        argv = ["/bin/sh", str(self.home / "ssh" / name), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture(name="world")
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "systemd-run"):
        (programs / name).write_text(SYSTEMD)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for name, value in {"CALLS": str(tmp_path / "calls"), "ACTIVE": "active", "ENABLED": "enabled"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(guard, "_LOCK", str(tmp_path / "lock"))
    return World(tmp_path)


def test_everything_is_put_back_as_it_was(world: World) -> None:
    """Content, mode, links, what was not there and what was removed."""
    kept, gone, link = world.root / "kept", world.root / "gone", world.root / "link"
    kept.write_text("before\n")
    kept.chmod(0o640)
    gone.write_text("still wanted\n")
    link.symlink_to("kept")
    world.change(
        spec(kept, "after\n", mode="0600"),
        spec(gone, state="absent"),
        spec(link, state="link", target="elsewhere"),
        spec(world.root / "made", state="directory"),
        spec(world.root / "made/file", "new\n"),
    )
    assert (kept.read_text(), gone.exists(), str(link.readlink())) == ("after\n", False, "elsewhere")
    done = world.script("revert")
    assert done.returncode == 0, done.stderr
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("before\n", 0o640)
    assert (gone.read_text(), str(link.readlink())) == ("still wanted\n", "kept")
    assert not (world.root / "made").exists()
    assert not guard.pending("ssh", world.home)
    assert world.systemd("reload-or-restart") == ["systemctl reload-or-restart x.service"]


def test_a_unit_that_was_not_there_is_stopped_before_its_file_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own file says how it stops: without it the rules that it loaded would stay."""
    monkeypatch.setenv("ACTIVE", "inactive")
    monkeypatch.setenv("ENABLED", "")
    world.change(spec(world.root / "x.service", "[Service]\n"))
    text = (world.home / "ssh/revert").read_text()
    assert text.index("systemctl $wait stop x.service") < text.index(f"rm -f {world.root}/x.service")
    assert world.script("revert").returncode == 0
    assert world.systemd("reload-or-restart") == []
    assert world.systemd("--no-reload --quiet disable") == ["systemctl --no-reload --quiet disable x.service"]


def test_a_unit_that_had_failed_is_not_stopped_on_the_way_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall whose rules nft refused fails, and has closed the host: to stop it would open it."""
    monkeypatch.setenv("ACTIVE", "failed")
    world.change(spec(world.root / "x.nft", "mended\n"))
    assert world.script("revert").returncode == 0
    assert world.systemd("stop x.service") == []
    assert world.systemd("reload-or-restart") == ["systemctl reload-or-restart x.service"]


def test_a_confirmation_keeps_the_change(world: World) -> None:
    """Its timer is stopped, and the way back is gone."""
    file = world.root / "file"
    armed = world.change(spec(file, "after\n"))
    done = subprocess.run(shlex.split(armed.confirm), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "confirmed\n")
    assert file.read_text() == "after\n"
    assert world.systemd("stop") == [f"systemctl stop vpsdeploy-guard-ssh-{armed.token}.timer"]
    assert list(world.home.iterdir()) == []


def test_a_confirmation_that_comes_too_late_is_told_so(world: World) -> None:
    """Exit code 3 where the change was taken back meanwhile, or where another one waits."""
    file = world.root / "file"
    first = world.change(spec(file, "first\n"))
    second = world.change(spec(file, "second\n"))
    assert world.script("confirm", first.token).returncode == 3
    assert world.script("revert", "now").returncode == 0
    late = subprocess.run(shlex.split(second.confirm), capture_output=True, text=True, check=False)
    assert late.returncode == 3
    assert not file.exists()


def test_a_second_change_within_the_time_keeps_the_oldest_copies(world: World) -> None:
    """What was there before the first was proven; the timer of the first no longer does anything."""
    one, two = world.root / "one", world.root / "two"
    one.write_text("proven\n")
    first = world.change(spec(one, "first\n"))
    second = world.change(spec(one, "second\n"), spec(two, "new\n"))
    assert world.systemd("stop") == [f"systemctl stop vpsdeploy-guard-ssh-{first.token}.timer"]
    assert world.script("revert", first.token, "its time is over").returncode == 0
    assert one.read_text() == "second\n"
    assert world.script("revert", second.token, "its time is over").returncode == 0
    assert (one.read_text(), two.exists()) == ("proven\n", False)
    assert "ssh: taken back: its time is over" in (world.home / "taken-back.log").read_text()


def test_a_way_back_that_waited_for_a_second_change_leaves_it_to_that_one(world: World) -> None:
    """Its time came while the second was armed: the shell has read the old script, whose copies are not all of it."""
    one, two = world.root / "one", world.root / "two"
    first = world.change(spec(one, "first\n"))
    waiting = (world.home / "ssh/revert").read_text()
    second = world.change(spec(two, "second\n"))
    late = subprocess.run(
        ["/bin/sh", "-c", waiting, "revert", first.token, "its time is over"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (late.returncode, late.stdout) == (0, "")
    assert (one.exists(), two.exists()) == (True, True)
    assert world.script("revert", second.token, "its time is over").returncode == 0
    assert (one.exists(), two.exists()) == (False, False)


def test_what_cannot_be_put_back_yet_is_not_thrown_away(world: World) -> None:
    """A full disk: the rest goes back, the copies stay, and the next try does it."""
    one, two = world.root / "one", world.root / "dir/two"
    two.parent.mkdir()
    for file in (one, two):
        file.write_text("proven\n")
    armed = world.change(spec(one, "bad\n"), spec(two, "bad\n"))
    two.unlink()
    two.parent.rename(world.root / "away")
    failed = world.script("revert", armed.token, "its time is over")
    assert failed.returncode == 1
    assert f"not put back: {two}" in failed.stdout
    assert one.read_text() == "proven\n"
    assert guard.pending("ssh", world.home)
    (world.root / "away").rename(two.parent)
    assert world.script("revert", armed.token, "its time is over").returncode == 0
    assert two.read_text() == "proven\n"
    assert not guard.pending("ssh", world.home)


def test_a_way_back_that_failed_is_tried_again(world: World) -> None:
    """By systemd, until the disk has room; a confirmation ends that too."""
    armed = world.change(spec(world.root / "file", "after\n"))
    (call,) = [line for line in world.calls.read_text().splitlines() if line.startswith("systemd-run")]
    assert "--property=Restart=on-failure" in call
    assert world.script("confirm", armed.token).returncode == 0
    service = f"vpsdeploy-guard-ssh-{armed.token}.service"
    assert world.systemd("--no-block stop") == [f"systemctl --no-block stop {service}"]


def test_a_confirmation_that_died_halfway_is_one(world: World) -> None:
    """It has renamed what waited: nothing waits any more."""
    world.change(spec(world.root / "file", "after\n"))
    (world.home / "ssh").rename(world.home / ".ssh.0123abcd")
    assert guard.all_pending(world.home) == []


def test_at_boot_nothing_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The units start behind it, with the files that it puts back: waiting for one would be for ever."""
    monkeypatch.setenv("ACTIVE", "inactive")
    file = world.root / "file"
    world.change(spec(file, "after\n"))
    assert world.script("revert", "boot", "the host was restarted").returncode == 0
    assert not file.exists()
    assert world.systemd("--no-block stop") == ["systemctl --no-block stop x.service"]


def test_an_arming_that_was_cut_off_leaves_nothing_behind(world: World) -> None:
    """A directory without a way back is an arming that died before anything was changed."""
    (world.home / "ssh").mkdir(parents=True)
    (world.home / "ssh/plan.json").write_text("half a")
    file = world.root / "file"
    world.change(spec(file, "after\n"))
    assert world.script("revert").returncode == 0
    assert not file.exists()


def test_the_timer_runs_the_way_back(world: World) -> None:
    """It is systemd that keeps the time: no process of ours has to stay alive."""
    armed = world.change(spec(world.root / "file", "after\n"), seconds=45)
    (line,) = (line for line in world.calls.read_text().splitlines() if line.startswith("systemd-run"))
    assert f"--unit=vpsdeploy-guard-ssh-{armed.token} --on-active=45s" in line
    assert f"/bin/sh {world.home}/ssh/revert {armed.token}" in line
