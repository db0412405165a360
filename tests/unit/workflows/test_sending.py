"""Bringing a bundle to hosts in memory: what each lacks, and what turns out to be damaged there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ReleaseFailed
from orchestrator.transport import local
from orchestrator.workflows.fleet import Context
from tests.support.bundles import STORED
from tests.support.changes import CONFIG, NEW, OLD, ONE, TWO, Silent, change, live_fleet, release
from tests.support.fleet import FakeFleet, FakeHost, stage


def test_hosts_get_what_they_lack(tmp_path: Path) -> None:
    """One that has the file already is sent nothing; two that lack the same are sent it both."""
    of = stage("web-1", "web-2", "web-3")
    fleet = FakeFleet(of)
    fleet.hosts["web-2"].store.add(STORED)
    release(fleet, of)
    assert [host for host, verb in fleet.calls if verb == "receive"] in (
        ["web-1", "web-3"],
        ["web-3", "web-1"],
    )
    assert all(host.store == {STORED} for host in fleet.hosts.values())
    assert not list(tmp_path.glob("tmp*"))


def test_a_damaged_store_is_repaired_within_the_release() -> None:
    """The host that says so is offered the files again, and gets them; the others are left alone."""
    fleet = live_fleet(TWO)
    fleet.hosts["web-1"].store = {STORED}
    fleet.hosts["web-2"].store, fleet.hosts["web-2"].damaged = {STORED}, {STORED}
    told = Silent()
    change(Context(CONFIG, TWO, fleet, local.this_process()), reporter=told).run()
    assert fleet.summary() == {("blue", NEW)}
    assert [host for host, verb in fleet.calls if verb == "receive"] == ["web-2"]
    assert "1 files of the store were damaged on web-2: sent again" in told.told


def test_a_store_that_is_damaged_again_and_again_stops_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken disk is nothing that sending mends; nothing was flipped."""
    fleet = live_fleet(ONE)
    monkeypatch.setattr(FakeHost, "assemble", lambda *_: {"release": None, "damaged": 1})
    with pytest.raises(ReleaseFailed, match="files on the host are damaged") as caught:
        release(fleet, ONE)
    assert caught.value.host == "web-1"
    assert {release for _, release in fleet.summary()} == {OLD}
