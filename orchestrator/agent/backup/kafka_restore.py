"""Kafka's topics back: judged by the server without being made, and added to those that are there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, kafka
from orchestrator.agent import services as carried
from orchestrator.agent.backup import kafka_dump, refusals, replaced
from orchestrator.agent.backup.services import KAFKA, Dumped
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed, UsageError
from orchestrator.agent.kafka_admin import Topic

_PREFIX = "vpsdeploy_drill_"
_MOST_NAME = 249
"""Characters of a topic's name. Source: org.apache.kafka.common.internals.Topic."""

_KNOWN_SECONDS = 10.0
_POLL_SECONDS = 0.2


def prove(call: Call, _: tuple[dict[str, Any], ...], __: Dumped, path: Path) -> dict[str, int]:
    """Have the server judge every topic under another name, as it would before making it; it makes none.

    Raises: BackupFailed: it would not take them.
    """
    wanted = kafka_dump.read(path)
    beside = [one._replace(name=f"{_PREFIX}{one.name}"[:_MOST_NAME]) for one in wanted]
    # Two long names may become one: the server refuses the same name twice in one question.
    unique = list({one.name: one for one in beside}.values())
    with kafka.administrator(call, carried.one(call, KAFKA)) as admin:
        _refused(admin.create(unique, really=False) if unique else {})
    return {"tables": 0, "rows": sum(kafka_dump.counts(wanted).values()), "checks": 0}


def refuse(call: Call, dumped: Dumped) -> None:
    """See whether topics may be added.

    Raises: UsageError: the server is older than the dump, has others, and nobody said --force.
    """
    settings = carried.one(call, KAFKA)
    version = str(settings["version"])
    if kafka_dump.number(version) < int(dumped.about["version_number"]):
        raise refusals.older("Kafka", version, dumped.about["version"])
    if call.request.text("into", ""):
        raise refusals.nothing_beside("Kafka")
    with kafka.administrator(call, settings) as admin:
        here = admin.topics()
    if here and not call.request.flag("force"):
        raise UsageError(
            "the app's Kafka is in use", why=_words(here), state="nothing was touched",
            next="--force adds the topics that are missing; it removes and changes nothing",
        )  # fmt: skip


def restore(call: Call, _: Dumped, file: Path, done: dict[str, Any]) -> None:
    """Make the topics that are missing. Those that are there stay with their messages and settings.

    Raises: BackupFailed: one was refused, or is there as another one than the dump's.
    """
    settings, wanted = carried.one(call, KAFKA), kafka_dump.read(file)
    with kafka.administrator(call, settings) as admin:
        here = admin.topics()
        if here:
            text = kafka_dump.written(str(settings["version"]), here)
            kept = replaced.keep(call, KAFKA, ".json", lambda path: durable.write(path, text, 0o600))
            done["kept"].append(f"kafka's topics as they were before: {kept}")
        known = {one.name for one in here}
        missing = [one for one in wanted if one.name not in known]
        _refused(admin.create(missing, really=True) if missing else {})
        deadline = time.monotonic() + _KNOWN_SECONDS
        # Made, and known a moment later to whom is asked.
        while (other := _others(wanted, admin.topics())) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    if other:
        raise BackupFailed(
            "topics are missing, or others than the backup's", why=", ".join(other[:10]),
            state="what was there is there; what was missing may have been added",
        )  # fmt: skip
    done["restored"].append(f"kafka: {_words(wanted)}, without messages")


def _refused(reasons: dict[str, str]) -> None:
    if reasons:
        why = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items())[:10])
        raise BackupFailed("Kafka does not take the topics", why=why)


def _others(wanted: list[Topic], here: list[Topic]) -> list[str]:
    """Names of topics that are not there as they are wanted."""
    there = set(map(_comparable, here))
    return [one.name for one in wanted if _comparable(one) not in there]


def _comparable(one: Topic) -> tuple[str, int, tuple[tuple[str, str], ...]]:
    return one.name, one.partitions, tuple(sorted(one.settings.items()))


def _words(topics: list[Topic]) -> str:
    return (
        ", ".join(f"{count} {kind}" for kind, count in kafka_dump.counts(topics).items() if count)
        or "nothing"
    )
