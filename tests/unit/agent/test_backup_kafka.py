"""Kafka's topics: dumped without messages, judged by the server, and put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent.backup import kafka_dump, kafka_restore
from orchestrator.agent.backup.services import Dumped, Service
from orchestrator.agent.failures import BackupFailed, HostNotReady, UsageError
from tests.support.fake_kafka import Broker
from tests.support.fake_kafka_server import serving
from tests.unit.agent.conftest import Host
from tests.unit.agent.test_kafka import installed

SERVICE = Service("kafka", 9092, "", "shop")
ORDERS = (3, {"retention.ms": "1000"})


@pytest.fixture(name="broker")
def _broker(bare: Host) -> Iterator[Broker]:
    """With two topics of the app's."""
    with serving(Broker("pAdministrator", {})) as made:
        made.topics = {"orders": ORDERS, "mails": (1, {}), "__consumer_offsets": (50, {})}
        installed(bare, made)
        yield made


def dumped(host: Host, place: Path) -> tuple[Dumped, Path]:
    """A dump, and where it lies."""
    made = kafka_dump.dump(host.given(), SERVICE, place)
    return made, place / made.file


def test_a_dump_has_the_app_s_topics_and_what_was_set_on_them(
    bare: Host, broker: Broker, tmp_path: Path
) -> None:
    """Not the server's own, and no setting that is only the server's default."""
    made, path = dumped(bare, tmp_path)
    assert made.rows == {"topics": 2, "partitions": 4}
    assert (made.database, made.about) == ("kafka", {"version": "4.1.2", "version_number": 4})
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["topics"] == [
        {"name": "mails", "partitions": 1, "settings": {}},
        {"name": "orders", "partitions": 3, "settings": {"retention.ms": "1000"}},
    ]


def test_a_server_that_does_not_answer_is_no_empty_dump(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """Nothing is stored then."""
    broker.silent = True
    with pytest.raises(HostNotReady):
        dumped(bare, tmp_path)


def test_a_drill_has_the_server_judge_and_makes_nothing(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """Under other names: those of the app are taken."""
    made, path = dumped(bare, tmp_path)
    before = dict(broker.topics)
    assert kafka_restore.prove(bare.given(), (), made, path) == {"tables": 0, "rows": 6, "checks": 0}
    assert broker.topics == before
    assert 19 in broker.asked


def test_a_drill_of_what_the_server_would_not_make_fails(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """By name, with the server's word."""
    made, path = dumped(bare, tmp_path)
    broker.refuses = {"vpsdeploy_drill_orders"}
    with pytest.raises(BackupFailed) as failed:
        kafka_restore.prove(bare.given(), (), made, path)
    assert failed.value.why == "vpsdeploy_drill_orders: error 40 (no)"


def test_names_that_are_as_long_as_they_may_be_are_judged_too(
    bare: Host, broker: Broker, tmp_path: Path
) -> None:
    """Cut off behind the drill's own beginning; two that become one are asked once."""
    broker.topics = {"x" * 248 + end: (1, {}) for end in "ab"}
    made, path = dumped(bare, tmp_path)
    assert kafka_restore.prove(bare.given(), (), made, path)["rows"] == 4


@pytest.mark.parametrize("text", ["{", "[]", '{"topics": [{"name": "x"}]}', '{"topics": ["x"]}'])
def test_a_damaged_dump_is_told(bare: Host, broker: Broker, tmp_path: Path, text: str) -> None:
    """Before the server is asked."""
    made, path = dumped(bare, tmp_path)
    path.write_text(text)
    broker.asked.clear()
    with pytest.raises(BackupFailed, match="the dump is damaged"):
        kafka_restore.prove(bare.given(), (), made, path)
    assert broker.asked == []


def test_what_is_in_use_is_refused_without_force(bare: Host, broker: Broker, tmp_path: Path) -> None:
    """A server with no topic but its own is not in use."""
    made, _ = dumped(bare, tmp_path)
    with pytest.raises(UsageError) as refused:
        kafka_restore.refuse(bare.given(), made)
    assert refused.value.why == "2 topics, 4 partitions"
    kafka_restore.refuse(bare.given(force=True), made)
    broker.topics = {"__consumer_offsets": (50, {})}
    kafka_restore.refuse(bare.given(), made)


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
    """A newer server's topics, and a place beside."""
    made, _ = dumped(bare, tmp_path)
    with pytest.raises(UsageError, match=told):
        kafka_restore.refuse(bare.given(force=True, **fields), made._replace(about=about or made.about))


def test_what_is_missing_comes_back_and_what_is_there_stays(
    bare: Host, broker: Broker, tmp_path: Path
) -> None:
    """What was there before is kept as a file of root's."""
    made, path = dumped(bare, tmp_path)
    broker.topics = {"mails": (1, {}), "other": (9, {})}
    done: dict[str, Any] = {"restored": [], "kept": []}
    kafka_restore.restore(bare.given(force=True), made, path, done)
    assert broker.topics == {"mails": (1, {}), "other": (9, {}), "orders": ORDERS}
    assert done["restored"] == ["kafka: 2 topics, 4 partitions, without messages"]
    (kept,) = (bare.layout.app("shop").replaced).glob("kafka-*.json")
    assert done["kept"] == [f"kafka's topics as they were before: {kept}"]
    assert [one.name for one in kafka_dump.read(kept)] == ["mails", "other"]


def test_a_topic_that_is_another_is_told_and_left_alone(
    bare: Host, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More partitions, another setting: what is right is the owner's to say."""
    monkeypatch.setattr(kafka_restore, "_KNOWN_SECONDS", 0.0)
    made, path = dumped(bare, tmp_path)
    broker.topics["orders"] = (6, ORDERS[1])
    with pytest.raises(BackupFailed) as failed:
        kafka_restore.restore(bare.given(force=True), made, path, {"restored": [], "kept": []})
    assert failed.value.why == "orders"
    assert broker.topics["orders"] == (6, ORDERS[1])
