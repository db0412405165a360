"""PostgreSQL's log on its way to two targets, from a host that is a directory; the server is stood in for."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.agent.backup import dumps, wal_chain, wal_send, wal_state
from orchestrator.agent.backup.restic import Snapshot
from orchestrator.agent.programs import Finished
from tests.support.fake_wal import Server
from tests.unit.agent.with_backups import World, set_up, world_of  # noqa: F401 - world_of: a fixture

LOG = {"disk": "/mnt/disk/shop.wal", "far": "/mnt/far/shop.wal"}


class Shop:
    """The host, its server, and what its targets have of the log."""

    def __init__(self, world: World) -> None:
        self.world, self.server = world, Server(world.host.layout.wal_spool)

    def send(self) -> dict[str, Any]:
        """A turn of the timer's."""
        return self.world.unit("wal")

    def names(self) -> list[str]:
        """What waits in the spool."""
        return sorted(path.name for path in self.server.spool.iterdir())

    def log(self, target: str) -> wal_chain.Log:
        """What a target has, read from its listing as the agent reads it."""
        made = self.world.restic.made.get(LOG[target], [])
        return wal_chain.read(
            Snapshot(one["short_id"], one["time"], (), tuple(one["tags"])) for one in made
        )  # fmt: skip

    def numbers(self, target: str) -> list[int]:
        """The segments that a target has, in order of their sending."""
        runs = [run for one in self.log(target).pieces for run in one.runs]
        return [n for first, last in runs for n in range(first.number, last.number + 1)]

    def known(self) -> dict[str, Any]:
        """What the host knows of it."""
        found: dict[str, Any] = json.loads(self.world.host.app.wal_file.read_text())
        return found


@pytest.fixture(name="shop")
def _shop(world: World, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Point-in-time recovery is on; nothing was sent yet."""
    shop = Shop(world)
    set_up(world.host, point_in_time={"every_seconds": 300, "keep_days": 7})
    world.host.layout.services.mkdir(parents=True, exist_ok=True)
    told = {"service": "postgresql", "app": "shop", "database": "shop", "user": "shop", "port": 5432}
    (world.host.layout.services / "postgresql.json").write_text(json.dumps(told))
    usual = world.__class__.__call__

    def run(arguments: Sequence[str]) -> Finished:
        if {"psql", "pg_basebackup"} & set(arguments):
            return shop.server.run(arguments)
        return Finished(0, "", "") if arguments[0] == "chown" else usual(world, arguments)

    monkeypatch.setattr(world.host, "systemd", run)
    monkeypatch.setattr(wal_send, "_ARCHIVED_SECONDS", 0.0)
    monkeypatch.setattr(dumps, "stage", lambda *_: {"at": 1.0, "time": "2026-11-26T03:00:00Z", "dumps": []})
    world.host.layout.postgresql.mkdir(parents=True)
    shop.server.spool.mkdir()
    return shop


def test_a_turn_ends_the_segment_and_sends_it_everywhere(shop: Shop) -> None:
    """With a marker whose time is known; the spool is empty then."""
    done = shop.send()
    assert done["sent"] == {"disk": 1, "far": 1}
    assert [shop.numbers(name) for name in LOG] == [[3], [3]]
    assert shop.names() == []
    (piece,) = shop.log("disk").pieces
    assert piece.until == done["until"]


def test_where_nothing_was_written_nothing_is(shop: Shop) -> None:
    """An idle server is not made to write 16 MiB every few minutes, and its window goes on."""
    shop.send()
    number = shop.server.number
    shop.send()
    assert shop.server.number == number
    shop.server.write()
    shop.send()
    assert shop.server.number == number + 1
    assert shop.numbers("disk") == [3, 4]


def test_a_segment_stays_until_every_target_has_it(shop: Shop) -> None:
    """One that is away gets what it lacks later; the other one gets nothing twice."""
    shop.world.restic.broken[f"backup {LOG['far']}"] = "ssh: connect: Connection refused"
    failed = shop.send()
    assert (failed["kind"], failed["state"][:7]) == ("BackupFailed", "what is")
    assert "far: the backup failed (far): the target cannot be reached" in failed["why"]
    shop.server.write()
    shop.send()
    assert len(shop.names()) == 2
    shop.world.restic.broken.clear()
    shop.server.write()
    assert shop.send()["sent"] == {"disk": 1, "far": 3}
    assert [shop.numbers(name) for name in LOG] == [[3, 4, 5], [3, 4, 5]]
    assert shop.names() == []


def test_what_was_not_sent_for_long_is_told(shop: Shop) -> None:
    """With the reason, and how much waits; half an hour is no news."""
    shop.send()
    shop.world.restic.broken[f"backup {LOG['far']}"] = "ssh: connect: Connection refused"
    shop.server.write()
    shop.send()
    assert "has not arrived" not in shop.world.troubles
    known = shop.known()
    known["targets"]["far"]["whole_at"] = time.time() - 3600
    shop.world.host.app.wal_file.write_text(json.dumps(known))
    assert (
        "far: PostgreSQL's log has not arrived for 60 minutes (the backup failed (far)" in shop.world.troubles
    )
    assert "16 MiB wait here" in shop.world.troubles
    assert "disk: PostgreSQL's log has not" not in shop.world.troubles


def test_a_server_that_does_not_archive_is_told(shop: Shop) -> None:
    """Where it waits for a restart, and where its command fails; what is in the spool goes all the same."""
    shop.server.mode = "off"
    assert "archive_mode waits for a restart" in shop.send()["why"]
    assert "PostgreSQL cannot archive its log: archive_mode waits" in shop.world.troubles
    shop.server.mode, shop.server.archives, shop.server.failed = "on", False, ("0", "1764144000", "0003")
    assert "0003 failed at 2025-11-26T08:00:00Z" in shop.send()["why"]
    shop.server.archives = True
    shop.send()
    assert "cannot archive" not in shop.world.troubles


def test_a_server_that_is_down_keeps_nothing_from_being_sent(shop: Shop) -> None:
    """What it had archived before."""
    shop.server.archive()
    shop.server.broken = "could not connect"
    assert "could not connect" in shop.send()["why"]
    assert shop.numbers("disk") == [3]


def test_a_hole_is_told_until_a_base_comes_after_it(shop: Shop) -> None:
    """No recovery is ever shorter than it says: the window ends at the hole."""
    backed_up = shop.world.unit("backup")
    assert backed_up["last"]["result"] == "done"
    shop.server.write()
    shop.server.archive()
    (lost,) = list(shop.server.spool.iterdir())
    lost.unlink()
    shop.send()
    assert f"disk: PostgreSQL's log has a hole, from {lost.name} to before" in shop.world.troubles
    (window,) = wal_chain.windows(shop.log("disk"))
    assert shop.world.unit("backup")["last"]["result"] == "done"
    assert "hole" not in shop.world.troubles
    assert [window, len(wal_chain.windows(shop.log("disk")))] == [wal_chain.windows(shop.log("disk"))[0], 2]


def test_a_file_that_is_no_segment_of_that_name_is_not_sent(shop: Shop) -> None:
    """It would be found in a recovery only."""
    (shop.server.spool / "000000010000000000000002").write_bytes(b"nonsense")
    assert "a segment of the log is damaged" in shop.send()["why"]
    assert shop.log("disk").pieces == ()


def test_labels_of_backups_are_cleared_away(shop: Shop) -> None:
    """No recovery of ours reads them. A copy that is under way is left alone."""
    (shop.server.spool / "000000010000000000000002.00000028.backup").write_text("label")
    (shop.server.spool / ".000000010000000000000009.part").write_text("half")
    shop.send()
    assert shop.names() == [".000000010000000000000009.part"]


def test_a_backup_makes_a_base_that_leads_somewhere(shop: Shop) -> None:
    """With the log up to its end; until then no moment can be restored, and that is said."""
    shop.send()
    assert "disk: no moment can be restored yet" in shop.world.troubles
    assert shop.world.host.call("facts")["backup"]["targets"]["disk"]["point_in_time"] == []
    assert shop.world.unit("backup")["last"]["result"] == "done"
    assert "no moment" not in shop.world.troubles
    (window,) = wal_chain.windows(shop.log("far"))
    (shown,) = shop.world.host.call("facts")["backup"]["targets"]["far"]["point_in_time"]
    assert shown["until"] == wal_state.utc(window.end)
    assert not shop.world.host.layout.wal_base.exists()


def test_a_base_that_cannot_be_made_fails_the_backup(shop: Shop) -> None:
    """The dumps are stored all the same, and it says so."""
    shop.server.broken = "no space"
    failed = shop.world.unit("backup")
    assert (failed["kind"], failed["state"]) == ("BackupFailed", "stored at disk, far")
    assert "base backup: PostgreSQL refused: no space" in failed["why"]


def test_the_log_has_a_repository_of_its_own(shop: Shop) -> None:
    """Backups are listed, pruned and drilled as ever; a repository that is gone is never made anew."""
    shop.world.unit("backup")
    assert len(shop.world.restic.made["/mnt/disk/shop"]) == 1
    assert len(shop.world.host.call("backup-list")["targets"]["disk"]["snapshots"]) == 1
    del shop.world.restic.made[LOG["disk"]]
    shop.server.write()
    assert "there is no repository" in shop.send()["why"]
    assert LOG["disk"] not in shop.world.restic.made


def test_prune_keeps_what_the_oldest_moment_needs(shop: Shop) -> None:
    """And says how many parts of the log there were and are."""
    shop.world.unit("backup")
    done = shop.world.host.call("backup-prune", target="disk")
    assert (done["pruned"]["disk"]["log_before"], done["pruned"]["disk"]["log_after"]) == (2, 2)


@pytest.mark.parametrize(
    ("request_", "said"),
    [({"database": "redis"}, "'redis' cannot be restored to a moment"), ({}, "what is to be restored"),
     ({"database": "shop", "moment": True}, "no moment"),
     ({"database": "shop", "moment": 1.0}, "cannot be reached (disk)"),
     ({"table": "users", "moment": "soon"}, "no moment"),
     ({"table": "users", "moment": 9e9}, "cannot be reached (disk)")],
)  # fmt: skip
def test_what_cannot_be_reached_is_refused(shop: Shop, request_: dict[str, Any], said: str) -> None:
    """With the moments that can be."""
    shop.world.unit("backup")
    refused = shop.world.host.call("restore", **{"moment": 1_764_144_000.0, **request_})
    assert refused["kind"] == "UsageError"
    assert said in f"{refused['what']} {refused['why']}"


def test_without_it_there_is_no_moment(shop: Shop) -> None:
    """And the timer that is still there does nothing."""
    set_up(shop.world.host)
    refused = shop.world.host.call("restore", database="shop", moment=1.0)
    assert "there is no point-in-time recovery here" in refused["what"]
    assert shop.send()["sent"] == {}
    assert shop.world.host.call("facts")["backup"]["targets"]["disk"]["point_in_time"] is None
