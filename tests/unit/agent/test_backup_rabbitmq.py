"""RabbitMQ's definitions: dumped, proven beside the app's virtual host, and put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent.backup import rabbitmq_dump, rabbitmq_restore
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.failures import BackupFailed, HostNotReady, UsageError
from tests.support.fake_rabbitmq import Broker, serving
from tests.unit.agent.conftest import Host
from tests.unit.agent.test_rabbitmq import describe, installed, make

SERVICE = Service("rabbitmq", 5672, "", "shop")
MAILS = {"name": "mails", "durable": True, "auto_delete": False, "arguments": {}}
BOUND = {
    "source": "x",
    "destination": "mails",
    "destination_type": "queue",
    "routing_key": "a",
    "arguments": {},
}


@pytest.fixture(name="broker")
def _broker(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """With a queue of the app's, which something is bound to."""
    bare.layout.services.mkdir(parents=True)
    with serving(Broker("shop")) as made:
        installed(bare, made, monkeypatch)
        describe(bare, made)
        make(bare)
        made.vhosts["shop"]["queues"] = [MAILS]
        made.vhosts["shop"]["bindings"] = [BOUND]
        yield made


def dumped(host: Host, place: Path) -> tuple[Dumped, Path]:
    """A dump, and where it lies."""
    made = rabbitmq_dump.dump(host.given(), SERVICE, place)
    return made, place / made.file


def test_a_dump_has_what_the_app_declared_and_no_user(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """Root's alone, counted, with its version."""
    assert broker.users
    made, path = dumped(bare, tmp_path)
    assert made.rows == {"queues": 1, "exchanges": 0, "bindings": 1, "policies": 0, "parameters": 0}
    assert (made.database, made.about) == ("rabbitmq", {"version": "4.0.5", "version_number": 4})
    assert path.stat().st_mode & 0o777 == 0o600
    assert "password_hash" not in path.read_text()


def test_a_server_that_does_not_answer_is_no_empty_dump(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """Nothing is stored then."""
    describe(bare, broker, management=1)
    with pytest.raises(HostNotReady):
        dumped(bare, tmp_path)


def test_a_virtual_host_that_is_gone_is_no_empty_dump(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """Somebody took it away: that is told, not stored."""
    del broker.vhosts["shop"]
    with pytest.raises(BackupFailed, match="has no such virtual host"):
        dumped(bare, tmp_path)


def test_a_drill_declares_it_once_more_and_leaves_nothing(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """What an interrupted drill left is gone, too; the app's virtual host is as it was."""
    made, path = dumped(bare, tmp_path)
    broker.vhosts["vpsdeploy_drill_1"] = {}
    before = json.dumps(broker.vhosts["shop"])
    assert rabbitmq_restore.prove(bare.given(), (), made, path) == {"tables": 0, "rows": 2, "checks": 0}
    assert list(broker.vhosts) == ["shop"]
    assert json.dumps(broker.vhosts["shop"]) == before
    posted = [path for method, path, _ in broker.asked if method == "POST"]
    assert len(posted) == 1
    assert posted[0].startswith("/api/definitions/vpsdeploy_drill_")


def test_a_drill_that_misses_something_fails(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """By its name; its virtual host is gone all the same."""
    made, path = dumped(bare, tmp_path)
    broker.loses = "bindings"
    with pytest.raises(BackupFailed) as failed:
        rabbitmq_restore.prove(bare.given(), (), made, path)
    assert failed.value.why == "bindings: x to mails"
    assert list(broker.vhosts) == ["shop"]


def test_a_damaged_dump_is_told(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """Before anything is declared."""
    made, path = dumped(bare, tmp_path)
    path.write_text(path.read_text()[:40])
    with pytest.raises(BackupFailed, match="the dump is damaged"):
        rabbitmq_restore.prove(bare.given(), (), made, path)
    assert "POST" not in {method for method, _, _ in broker.asked}


def test_what_is_in_use_is_refused_without_force(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """An empty virtual host is not in use."""
    made, _ = dumped(bare, tmp_path)
    with pytest.raises(UsageError) as refused:
        rabbitmq_restore.refuse(bare.given(), made)
    assert refused.value.why == "1 queues, 1 bindings"
    rabbitmq_restore.refuse(bare.given(force=True), made)
    broker.vhosts["shop"] = {}
    rabbitmq_restore.refuse(bare.given(), made)


@pytest.mark.parametrize(
    ("fields", "about", "told"),
    [
        ({}, {"version": "5.0.0", "version_number": 5}, "the server is older than the backup"),
        ({"into": "other"}, None, "no databases to restore into beside"),
    ],
)
def test_what_cannot_be_is_refused(
    bare: Host, broker: Broker, tmp_path: Path, fields: dict[str, Any], about: dict[str, Any] | None, told: str
) -> None:  # fmt: skip
    """A newer server's definitions, and a place beside."""
    assert broker.users
    made, _ = dumped(bare, tmp_path)
    with pytest.raises(UsageError, match=told):
        rabbitmq_restore.refuse(bare.given(force=True, **fields), made._replace(about=about or made.about))


def test_what_is_missing_comes_back_and_what_is_there_stays(
    bare: Host, broker: Broker, tmp_path: Path
) -> None:
    """What was there before is kept as a file of root's."""
    made, path = dumped(bare, tmp_path)
    other = {**MAILS, "name": "orders"}
    broker.vhosts["shop"]["queues"] = [other]
    done: dict[str, Any] = {"restored": [], "kept": []}
    rabbitmq_restore.restore(bare.given(force=True), made, path, done)
    assert broker.vhosts["shop"]["queues"] == [other, MAILS]
    assert done["restored"] == ["rabbitmq: 1 queues, 1 bindings, without messages"]
    (kept,) = (bare.layout.app("shop").replaced).glob("rabbitmq-*.json")
    assert done["kept"] == [f"rabbitmq's definitions as they were before: {kept}"]
    assert [one["name"] for one in json.loads(kept.read_text())["queues"]] == ["orders"]


def test_a_default_that_only_the_newer_version_says_is_no_difference() -> None:
    """3.10 says nothing of a classic queue's type, 4.0 does."""
    old = {"queues": [MAILS], "exchanges": [], "bindings": [], "policies": [], "parameters": []}
    newer = {**MAILS, "type": "classic", "arguments": {"x-queue-type": "classic"}}
    assert rabbitmq_dump.missing(old, {**old, "queues": [newer]}) == []
    quorum = {**MAILS, "arguments": {"x-queue-type": "quorum"}}
    assert rabbitmq_dump.missing(old, {**old, "queues": [quorum]}) == ["queues: mails"]
