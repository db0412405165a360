"""What an administrator asks of Kafka: its users, their rights, its topics and settings, and how much it holds."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import NamedTuple

from orchestrator.agent import kafka_scram
from orchestrator.agent.kafka_connection import Connection, Refused
from orchestrator.agent.kafka_wire import (
    NO_TAGS,
    NULL_ARRAY,
    Reader,
    array,
    compact,
    compact_array,
    int8,
    int16,
    int32,
    string,
)

_METADATA, _CREATE_TOPICS, _DESCRIBE_ACLS, _CREATE_ACLS = (3, 7), (19, 3), (29, 1), (30, 1)
_DESCRIBE_CONFIGS, _LOG_DIRS, _ALTER_SCRAM = (32, 2), (35, 1), (51, 0)
_SCRAM_SHA_512 = 2
_ANY = 1
_OF_TOPIC, _OF_BROKER = 2, 4
_SET_ON_TOPIC = 1
"""Source: org.apache.kafka.clients.admin.ScramMechanism, AclOperation, ConfigResource, ConfigSource of Kafka."""

_CREATE_SECONDS = 30


class Right(NamedTuple):
    """One line of its access list.

    Attributes:
        resource: 2 a topic, 3 a group, 4 the cluster, 5 a transactional id.
        name: Of it; * for each.
        pattern: 3 for this name alone, 4 for all that begin with it.
        operation: 2 for every one.
        permission: 2 denied, 3 allowed.
    """

    resource: int
    name: str
    pattern: int
    operation: int
    permission: int


class Topic(NamedTuple):
    """A topic as it was declared.

    Attributes:
        settings: What was set on it, beside the server's own settings.
    """

    name: str
    partitions: int
    settings: dict[str, str]


class Admin:
    """Over one connection of the administrator. Raises: Refused. OSError. ValueError."""

    def __init__(self, connection: Connection) -> None:
        self._ask = connection.ask

    def set_password(self, user: str, password: str) -> None:
        """Have the server keep a digest of the user's password."""
        salt = secrets.token_bytes(kafka_scram.SALT_BYTES)
        digest = kafka_scram.salted(password, salt, kafka_scram.ITERATIONS)
        one = compact(user) + int8(_SCRAM_SHA_512) + int32(kafka_scram.ITERATIONS) + compact(salt)
        body = compact_array([]) + compact_array([one + compact(digest) + NO_TAGS]) + NO_TAGS
        told = self._ask(*_ALTER_SCRAM, body, flexible=True)
        told.int32()
        for name, code, why in told.compact_array(lambda: _scram_result(told)):
            if code:
                raise Refused(f"user {name}", code, why)

    def rights(self, user: str) -> set[Right]:
        """What a user may and may not."""
        body = int8(_ANY) + string(None) + int8(_ANY) + string(f"User:{user}") + string(None)
        told = self._ask(*_DESCRIBE_ACLS, body + int8(_ANY) + int8(_ANY))
        told.int32()
        code, why = told.int16(), told.string()
        if code:
            raise Refused("rights", code, why)
        return {one for some in told.array(lambda: _rights_of(told)) for one in some}

    def grant(self, user: str, rights: Collection[Right]) -> None:
        """Add to what a user may and may not, from wherever."""
        lines = (
            int8(one.resource) + string(one.name) + int8(one.pattern) + string(f"User:{user}") + string("*")
            + int8(one.operation) + int8(one.permission)
            for one in rights
        )  # fmt: skip
        told = self._ask(*_CREATE_ACLS, array(lines))
        told.int32()
        for code, why in told.array(lambda: (told.int16(), told.string())):
            if code:
                raise Refused("rights", code, why)

    def topics(self) -> list[Topic]:
        """The app's: all but those that the server itself keeps; sorted by name."""
        told = self._ask(*_METADATA, NULL_ARRAY + int8(0))
        told.int32()
        told.array(lambda: (told.int32(), told.string(), told.int32(), told.string()))
        told.string(), told.int32()
        found = told.array(lambda: _topic_of(told))
        counts = {name: count for name, internal, count in found if not internal}
        settings = self._settings(_OF_TOPIC, sorted(counts))
        return [Topic(name, counts[name], settings.get(name, {})) for name in sorted(counts)]

    def settings(self, broker: int, names: Collection[str]) -> dict[str, str]:
        """What the server itself goes by, of these settings."""
        return self._settings(_OF_BROKER, [str(broker)], names).get(str(broker), {})

    def create(self, topics: Iterable[Topic], *, really: bool) -> dict[str, str]:
        """Declare topics, or have the server judge whether they could be.

        Returns: why not, by the names of those that it refuses.
        """
        lines = (
            string(one.name) + int32(one.partitions) + int16(1) + array([])
            + array(string(name) + string(value) for name, value in sorted(one.settings.items()))
            for one in topics
        )  # fmt: skip
        told = self._ask(*_CREATE_TOPICS, array(lines) + int32(_CREATE_SECONDS * 1000) + int8(not really))
        told.int32()
        results = told.array(lambda: (told.string(), told.int16(), told.string()))
        return {name: f"error {code} ({why})" for name, code, why in results if code}

    def sizes(self) -> dict[str, int]:
        """Bytes on the disk, by topic."""
        told = self._ask(*_LOG_DIRS, NULL_ARRAY)
        told.int32()
        found: dict[str, int] = {}
        for name, size in (one for some in told.array(lambda: _directory_of(told)) for one in some):
            found[name] = found.get(name, 0) + size
        return found

    def _settings(
        self, kind: int, names: Collection[str], keys: Collection[str] | None = None
    ) -> dict[str, dict[str, str]]:
        """By name; with keys those, without them what was set on it."""
        if not names:
            return {}
        wanted = NULL_ARRAY if keys is None else array(string(key) for key in keys)
        body = array(int8(kind) + string(name) + wanted for name in names) + int8(0)
        told = self._ask(*_DESCRIBE_CONFIGS, body)
        told.int32()
        found = dict[str, dict[str, str]]()
        for code, why, name, lines in told.array(lambda: _configs_of(told)):
            if code:
                raise Refused(f"settings of {name}", code, why)
            found[name] = {
                key: value for key, value, source in lines if keys is not None or source == _SET_ON_TOPIC
            }
        return found


def _scram_result(told: Reader) -> tuple[str, int, str]:
    result = told.compact(), told.int16(), told.compact()
    told.tags()
    return result


def _rights_of(told: Reader) -> list[Right]:
    resource, name, pattern = told.int8(), told.string(), told.int8()
    lines = told.array(lambda: (told.string(), told.string(), told.int8(), told.int8()))
    return [
        Right(resource, name, pattern, operation, permission)
        for _, host, operation, permission in lines
        if host == "*"
    ]


def _topic_of(told: Reader) -> tuple[str, bool, int]:
    code, name, internal = told.int16(), told.string(), told.int8()
    if code:
        raise Refused(f"topic {name}", code)
    partitions = told.array(lambda: _partition_of(told))
    return name, bool(internal), len(partitions)


def _partition_of(told: Reader) -> int:
    told.int16()
    index, _, _ = told.int32(), told.int32(), told.int32()
    for _ in range(3):  # replicas, those in sync, those offline
        told.array(told.int32)
    return index


def _configs_of(told: Reader) -> tuple[int, str, str, list[tuple[str, str, int]]]:
    code, why, _, name = told.int16(), told.string(), told.int8(), told.string()
    return code, why, name, told.array(lambda: _config_of(told))


def _config_of(told: Reader) -> tuple[str, str, int]:
    name, value, _, source, _ = told.string(), told.string(), told.int8(), told.int8(), told.int8()
    told.array(lambda: (told.string(), told.string(), told.int8()))
    return name, value, source


def _directory_of(told: Reader) -> list[tuple[str, int]]:
    code, path = told.int16(), told.string()
    topics = told.array(lambda: (told.string(), told.array(lambda: _size_of(told))))
    if code:
        raise Refused(f"directory {path}", code)
    return [(name, sum(sizes)) for name, sizes in topics]


def _size_of(told: Reader) -> int:
    _, size, _, _ = told.int32(), told.int64(), told.int64(), told.int8()
    return size
