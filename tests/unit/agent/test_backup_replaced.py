"""What restores take the place of: kept, and whether there is room for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.agent import space
from orchestrator.agent.backup import fetch, replaced
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, HostNotReady
from tests.unit.agent.conftest import Host


@pytest.fixture(name="call")
def _call(bare: Host) -> Call:
    return bare.given()


def test_the_newest_few_stay(call: Call) -> None:
    """Of each by itself: those of other services are left alone."""
    place = call.app.replaced
    place.mkdir(parents=True)
    for number in range(1, 8):
        (place / f"shop-2026010{number}000000.sql").touch()
    (place / "nats-20260101000000.tar").touch()
    kept = replaced.keep(call, "shop", ".sql", lambda path: path.write_text("now"))
    assert kept.read_text() == "now"
    names = sorted(path.name for path in place.iterdir())
    assert names[0] == "nats-20260101000000.tar"
    assert names[1:] == [*(f"shop-2026010{number}000000.sql" for number in range(4, 8)), kept.name]


def test_one_that_was_not_written_to_its_end_is_none(call: Call) -> None:
    """It takes no good one's place, and no room where that is what was missing."""
    good = replaced.keep(call, "shop", ".sql", lambda path: path.write_text("good"))
    good = good.rename(good.with_name("shop-20260101000000.sql"))

    def broken(path: Path) -> None:
        path.write_text("half")
        raise BackupFailed("the dump is damaged")

    with pytest.raises(BackupFailed):
        replaced.keep(call, "shop", ".sql", broken)
    assert list(call.app.replaced.iterdir()) == [good]


def test_a_dump_is_loaded_only_where_there_is_room_for_a_second_database(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drill that fills the disk would stop the app's own database."""
    monkeypatch.setattr(space, "free", lambda _: (100 << 20, 1 << 20))
    small = Dumped("mariadb", "shop", "x", 1 << 20, "", 0.0, {}, {"size_bytes": 50 << 20})
    fetch.room(call, small)
    fetch.room(call, small._replace(about={}))
    for large in (small._replace(about={"size_bytes": 200 << 20}), small._replace(bytes=200 << 20)):
        with pytest.raises(HostNotReady, match="the disk is full"):
            fetch.room(call, large)
