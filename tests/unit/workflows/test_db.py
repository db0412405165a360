"""`vpsdeploy db console`: which service is meant, and which has a client at all."""

from __future__ import annotations

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import UsageError
from orchestrator.workflows import db
from tests.support.fleet import APP, stage


def chosen(services: dict[str, object], kind: str = "") -> str:
    """What is meant, of these."""
    return db.chosen(AppConfig.model_validate({"app": APP, "services": services}), stage("web-1"), kind).kind


def test_the_only_one_need_not_be_named() -> None:
    """Brokers have no client and are not counted."""
    assert chosen({"redis": {}}) == "redis"
    assert chosen({"redis": {}, "rabbitmq": {}, "nats": {}}) == "redis"
    assert chosen({"redis": {}, "postgresql": {}}, "postgresql") == "postgresql"


@pytest.mark.parametrize(
    ("kind", "next_"),
    [
        ("rabbitmq", "on web-1, as root: rabbitmqctl list_queues --vhost shop"),
        (
            "kafka",
            "on web-1, as root: /opt/kafka/bin/kafka-topics.sh --bootstrap-server 127.0.0.1:9094 "
            "--command-config /etc/kafka/admin.properties --list",
        ),
        ("nats", "on web-1, as root: curl '127.0.0.1:8222/jsz?streams=1'"),
    ],
)
def test_a_service_without_a_client_says_what_to_look_with(kind: str, next_: str) -> None:
    """Whether or not there are others."""
    alone: dict[str, object] = {kind: {}}
    for services in (alone, {**alone, "redis": {}}):
        with pytest.raises(UsageError, match=f"{kind} has no console") as failed:
            chosen(services, kind)
        assert failed.value.next == next_


@pytest.mark.parametrize(
    ("services", "kind", "told"),
    [
        ({}, "", "the app has no database here"),
        ({"redis": {}, "postgresql": {}}, "", "which service?"),
        ({"redis": {}}, "postgresql", "no service postgresql has a console"),
    ],
)
def test_anything_else_is_told(services: dict[str, object], kind: str, told: str) -> None:
    """With those that there are."""
    with pytest.raises(UsageError) as failed:
        chosen(services, kind)
    assert failed.value.what.startswith(told)
