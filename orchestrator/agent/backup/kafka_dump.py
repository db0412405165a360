"""Kafka: the app's topics as they were declared, with their settings. Not their messages, and not who has read how far.

Messages are on their way, and kept for a while only; where a group has read to means nothing without them.
Users and rights are not in it either: provisioning makes them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, kafka
from orchestrator.agent import services as carried
from orchestrator.agent.backup.postgres_dump import digest
from orchestrator.agent.backup.services import KAFKA, Dumped, Service
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.kafka_admin import Topic


def dump(call: Call, _: Service, directory: Path) -> Dumped:
    """Write down what is declared at this moment.

    Raises: HostNotReady: the server does not answer: nothing that could be restored was written.
    """
    file = f"{KAFKA}/topics.json"
    path = directory / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    at, settings = time.time(), carried.one(call, KAFKA)
    with kafka.administrator(call, settings) as admin:
        found = admin.topics()
    version = str(settings["version"])
    durable.write(path, written(version, found), 0o600)
    about = {"version": version, "version_number": number(version)}
    return Dumped(KAFKA, KAFKA, file, path.stat().st_size, digest(path), at, counts(found), about)


def written(version: str, topics: list[Topic]) -> bytes:
    """As a dump has it."""
    told = {"kafka_version": version, "topics": [one._asdict() for one in topics]}
    return f"{json.dumps(told, sort_keys=True, indent=2)}\n".encode()


def read(path: Path) -> list[Topic]:
    """A dump's topics.

    Raises: BackupFailed: it is none.
    """
    try:
        found = [_topic(one) for one in json.loads(path.read_bytes())["topics"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupFailed("the dump is damaged", why=f"{path.name}: {error}") from None
    return found


def counts(topics: list[Topic]) -> dict[str, int]:
    """How many there are."""
    return {"topics": len(topics), "partitions": sum(one.partitions for one in topics)}


def number(version: str) -> int:
    """The version's first part."""
    first = version.partition(".")[0]
    return int(first) if first.isdigit() else 0


def _topic(told: dict[str, Any]) -> Topic:
    settings = {str(name): str(value) for name, value in told["settings"].items()}
    return Topic(str(told["name"]), int(told["partitions"]), settings)
