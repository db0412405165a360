"""NATS' streams: taken by the server's own snapshots, proven in a server beside it, and put back."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import nats
from orchestrator.agent.backup import nats_dump, nats_restore
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.failures import BackupFailed, HostNotReady, UsageError
from orchestrator.agent.nats_connection import Connection
from tests.support.fake_nats import Streams, serving
from tests.unit.agent.conftest import Host
from tests.unit.agent.test_nats import describe

SERVICE = Service("nats", 4222, "", "shop")


@pytest.fixture(name="server")
def _server(bare: Host) -> Iterator[Streams]:
    """With more streams than one page has, one of them in memory only."""
    bare.layout.services.mkdir(parents=True)
    with serving(Streams()) as made:
        describe(bare, made)
        made.add("MAILS", 7)
        made.add("CACHE", 3, storage="memory")
        made.add("ORDERS", 5, retention="workqueue")
        yield made


@pytest.fixture(name="beside")
def _beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    """The drill's own server."""
    with serving(Streams()) as made:

        @contextlib.contextmanager
        def started(*_: object) -> Iterator[Connection]:
            made.streams.clear()
            with contextlib.closing(Connection("127.0.0.1", made.port, "x", "y")) as connection:
                yield connection

        monkeypatch.setattr(nats_restore, "_beside", started)
        yield made


def dumped(host: Host, place: Path) -> tuple[Dumped, Path]:
    """A dump, and where it lies."""
    made = nats_dump.dump(host.given(), SERVICE, place)
    return made, place / made.file


def test_a_dump_has_every_stream_of_the_disk(bare: Host, server: Streams, tmp_path: Path) -> None:
    """Root's alone, whole, counted; what is in memory only is told, not kept: a restart loses it, too."""
    assert server.streams
    made, path = dumped(bare, tmp_path)
    assert (made.database, made.rows) == ("nats", {"MAILS": 7, "ORDERS": 5})
    assert made.about == {"version": "2.10.27", "version_number": 2010, "in_memory": ["CACHE"]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one["name"] for one in nats_dump.index_of(path)] == ["MAILS", "ORDERS"]
    assert sorted(one.name for one in path.parent.iterdir()) == ["streams.tar"]


def test_a_server_that_does_not_answer_is_no_empty_dump(bare: Host, server: Streams, tmp_path: Path) -> None:
    """Nothing is stored then."""
    describe(bare, server, port=1)
    with pytest.raises(HostNotReady):
        dumped(bare, tmp_path)


def test_a_stream_that_cannot_be_taken_is_no_backup(
    bare: Host, server: Streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the server's words."""
    listed = server.answer
    refused = {"error": {"description": "no"}}
    monkeypatch.setattr(server, "answer", lambda w, b: refused if w[1] == "SNAPSHOT" else listed(w, b))
    with pytest.raises(BackupFailed) as failed:
        dumped(bare, tmp_path)
    assert failed.value.why == "no"


def test_a_snapshot_that_breaks_off_is_no_backup(bare: Host, server: Streams, tmp_path: Path) -> None:
    """2.10 says how it ended; 2.9 only that."""
    server.ends = ""
    assert dumped(bare, tmp_path)[0].rows == {"MAILS": 7, "ORDERS": 5}
    server.ends = "408 No Interest"
    with pytest.raises(BackupFailed) as failed:
        dumped(bare, tmp_path)
    assert failed.value.why == "MAILS: 408 No Interest"


def test_a_drill_loads_and_counts_every_message(
    bare: Host, server: Streams, beside: Streams, tmp_path: Path
) -> None:
    """In a server of nobody's; the real one is not told."""
    made, path = dumped(bare, tmp_path)
    server.streams.clear()
    assert nats_restore.prove(bare.given(), (), made, path) == {"tables": 2, "rows": 12, "checks": 0}
    assert beside.streams.keys() == {"MAILS", "ORDERS"}
    assert server.streams == {}


def test_a_drill_that_misses_messages_fails(
    bare: Host, server: Streams, beside: Streams, tmp_path: Path
) -> None:
    """With both counts."""
    assert server.streams
    made, path = dumped(bare, tmp_path)
    beside.loses = 1
    with pytest.raises(BackupFailed) as failed:
        nats_restore.prove(bare.given(), (), made, path)
    assert failed.value.why == "MAILS: 6 of 7, up to number 7 of 7"


def test_what_a_queue_has_let_go_of_meanwhile_is_not_missing(
    bare: Host, server: Streams, beside: Streams, tmp_path: Path
) -> None:
    """A work queue's messages end when they are done, while the snapshot is taken, too."""
    del server.streams["MAILS"]
    made, path = dumped(bare, tmp_path)
    beside.loses = 1
    assert nats_restore.prove(bare.given(), (), made, path)["rows"] == 4


def test_a_damaged_dump_is_told(bare: Host, server: Streams, tmp_path: Path) -> None:
    """Cut short, or without what its index names."""
    assert server.streams
    _, path = dumped(bare, tmp_path)
    with tarfile.open(path) as packed:
        index = packed.extractfile("streams.json")
        content = index.read() if index else b""
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(BackupFailed, match="the dump is damaged"):
        nats_dump.index_of(path)
    with tarfile.open(path, "w") as packed:
        about = tarfile.TarInfo("streams.json")
        about.size = len(content)
        packed.addfile(about, io.BytesIO(content))
    with pytest.raises(BackupFailed) as failed:
        nats_dump.index_of(path)
    assert failed.value.why == "streams.tar lacks MAILS, ORDERS"


def test_streams_in_use_are_refused_without_force(bare: Host, server: Streams, tmp_path: Path) -> None:
    """Only those of the backup count."""
    made, _ = dumped(bare, tmp_path)
    with pytest.raises(UsageError) as refused:
        nats_restore.refuse(bare.given(), made)
    assert refused.value.why == "MAILS has 7 messages, ORDERS has 5 messages"
    nats_restore.refuse(bare.given(force=True), made)
    server.streams.clear()
    nats_restore.refuse(bare.given(), made)
    with pytest.raises(UsageError, match="no databases"):
        nats_restore.refuse(bare.given(into="x"), made)
    newer = made._replace(about={"version": "2.11.0", "version_number": 2011})
    with pytest.raises(UsageError, match="the server is older"):
        nats_restore.refuse(bare.given(force=True), newer)


def test_streams_come_back_in_the_place_of_those_that_are_there(
    bare: Host, server: Streams, beside: Streams, tmp_path: Path
) -> None:
    """Proven before, and what was there is kept; other streams are left alone."""
    made, path = dumped(bare, tmp_path)
    server.add("MAILS", 1)
    del server.streams["ORDERS"]
    done: dict[str, Any] = {"restored": [], "kept": []}
    nats_restore.restore(bare.given(force=True), made, path, done)
    assert beside.streams.keys() == {"MAILS", "ORDERS"}
    assert {name: one["state"]["messages"] for name, one in server.streams.items()} == {
        "CACHE": 3, "MAILS": 7, "ORDERS": 5,
    }  # fmt: skip
    assert done["restored"] == ["nats: MAILS: 7 messages; ORDERS: 5 messages"]
    (kept,) = bare.layout.app("shop").replaced.glob("nats-*.tar")
    assert done["kept"] == [f"nats as it was before: {kept}"]
    assert [one["state"]["messages"] for one in nats_dump.index_of(kept)] == [1]


def test_a_stream_that_does_not_come_back_is_told_with_what_is_there(
    bare: Host, server: Streams, beside: Streams, tmp_path: Path
) -> None:
    """The others are restored, the old ones kept."""
    assert beside.streams == {}
    made, path = dumped(bare, tmp_path)
    server.loses = 1
    with pytest.raises(BackupFailed) as failed:
        nats_restore.restore(bare.given(force=True), made, path, {"restored": [], "kept": []})
    assert failed.value.what == "the stream MAILS does not come back"
    (kept,) = bare.layout.app("shop").replaced.glob("nats-*.tar")
    assert failed.value.state == f"restored are none; kept: nats as it was before: {kept}"


def test_versions_are_ordered_by_what_their_files_are() -> None:
    """2.9 comes before 2.10."""
    assert [nats_dump.version_number(text) for text in ("2.9.10", "2.10.27", "")] == [2009, 2010, 0]
    assert nats.ADMIN == "vpsdeploy"
