"""Whole outputs and exit codes of lock, unlock, history and releases diff, on a fleet in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main
from orchestrator.transport import local
from orchestrator.workflows import fleet, login
from tests.support.fleet import FakeFleet, stage

A, B = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
INVENTORY = """\
all:
  children:
    app: {hosts: {web-1: {ansible_host: 10.0.0.11}, web-2: {ansible_host: 10.0.0.12}}}
    loadbalancer: {hosts: {web-1: {}}}
"""

Vpsdeploy = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="hosts")
def _hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFleet:
    """Two hosts, and a project with two stages."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\n")
    for name in ("production", "staging"):
        (tmp_path / "inventories" / name).mkdir(parents=True)
        (tmp_path / "inventories" / name / "hosts.yml").write_text(INVENTORY)
    made = FakeFleet(stage("web-1", "web-2"))
    monkeypatch.setattr(login, "begin", lambda *_: lambda *_: made)
    monkeypatch.setattr(fleet, "SshFleet", lambda *_: made)
    return made


@pytest.fixture(name="vpsdeploy")
def _vpsdeploy(
    hosts: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Vpsdeploy:
    """Run the command line: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VPSDEPLOY_STAGE", "production")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vpsdeploy", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_lock_and_unlock(vpsdeploy: Vpsdeploy, hosts: FakeFleet) -> None:
    """Both say what they did, on which hosts."""
    by = local.this_process().by
    locked = "locked: shop on web-1, web-2: a freeze\nuntil: vpsdeploy unlock\n"
    assert vpsdeploy("lock", "-m", " a freeze ") == (0, locked, "")
    again = (
        "locked: shop on web-1, web-2 (you had locked web-1, web-2 before): longer\nuntil: vpsdeploy unlock\n"
    )
    assert vpsdeploy("lock", "-m", "longer") == (0, again, "")
    code, out, _ = vpsdeploy("unlock", "--force")
    assert code == 0
    assert out.splitlines() == [
        f"unlocked {name}: {by} for 0 s: longer; until vpsdeploy unlock" for name in hosts.hosts
    ]
    assert vpsdeploy("unlock") == (0, "nobody held the lock\n", "")


def test_a_lock_needs_a_message(vpsdeploy: Vpsdeploy, hosts: FakeFleet) -> None:
    """Refused before any host is asked."""
    code, _, err = vpsdeploy("lock", "-m", " ")
    assert code == 2
    assert "error: the message is not usable" in err
    assert vpsdeploy("lock")[0] == 2
    assert hosts.calls == []


def test_another_persons_lock_says_what_to_do(vpsdeploy: Vpsdeploy, hosts: FakeFleet) -> None:
    """Exit code 9, and what ends it, with the stage."""
    for host in hosts.hosts.values():
        host.lock = {"owner": {"user": "bob", "host": "ci"}, "message": "freeze", "manual": True}
    code, _, err = vpsdeploy("unlock")
    assert code == 9
    assert "next:  ask them, or: vpsdeploy unlock --stage production --force" in err
    assert "state: no host is unlocked; the others are as they were" in err


def test_history_for_programs(vpsdeploy: Vpsdeploy, hosts: FakeFleet) -> None:
    """One object; only the hosts that are named are asked."""
    hosts.hosts["web-1"].history = [{"verb": "lock", "time": "2026", "by": "ann@laptop", "result": "locked"}]
    code, out, _ = vpsdeploy("history", "--host", "web-1", "--json")
    told: dict[str, Any] = json.loads(out)
    assert (code, told["kind"], [one["command"] for one in told["changes"]]) == (0, "history", ["lock"])
    assert hosts.calls == [("web-1", "history")]
    assert vpsdeploy("history", "--host", "web-9")[0] == 2


def test_options_before_diff_are_its_own_too(
    vpsdeploy: Vpsdeploy, hosts: FakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`releases --stage staging diff A` must not look at another stage than it was told to."""
    monkeypatch.delenv("VPSDEPLOY_STAGE")
    for host in hosts.hosts.values():
        host.releases = [A, B]
    assert vpsdeploy("releases", "diff", A, B)[0] == 3  # which of the two stages?
    counts = {"added": 0, "removed": 0, "changed": 0, "first": []}
    answer = {"a": {"release": A}, "b": {"release": B}, "settings": [], "env": [], "files": counts}
    hosts.hosts["web-1"].compare = lambda _: {**answer, "packages": counts, "package_files": counts}  # type: ignore[attr-defined] # a verb
    code, out, err = vpsdeploy("releases", "--stage", "staging", "--json", "diff", A, B)
    assert (code, json.loads(out)["kind"]) == (0, "releases_diff"), err
