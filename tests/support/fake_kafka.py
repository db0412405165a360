"""Kafka in memory: what it answers about its users, rights, topics and settings, in its own protocol's forms.

A client of another maker (librdkafka) has judged these answers, and asked the same questions: see docs/kafka.md.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.agent.kafka_wire import (
    NO_TAGS,
    Reader,
    array,
    compact_array,
    int8,
    int16,
    int32,
    string,
)

ADMIN = "vpsdeploy-admin"
VERSIONS = {
    3: (6, 7), 17: (1, 1), 18: (0, 3), 19: (3, 3), 29: (1, 1), 30: (1, 1), 32: (1, 2), 35: (1, 1), 36: (0, 0),
    51: (0, 0),
}  # fmt: skip
"""By the question's number, which of its forms are known."""

_BAD_CONFIG, _IS_THERE = 40, 36


class Broker:
    """One server.

    Attributes:
        users: By name: salt, iterations and the salted password, of which a real one keeps two digests.
        rights: Resource, name, pattern, principal, host, operation, permission.
        topics: By name: partitions, and what was set.
        settings: Of the server itself.
        asked: Numbers of the questions, in their order.
        refuses: Names of topics that it would not make.
    """

    def __init__(self, password: str, settings: dict[str, str]) -> None:
        self.password, self.settings = password, settings
        self.users: dict[str, tuple[bytes, int, bytes]] = {}
        self.rights: set[tuple[int, str, int, str, str, int, int]] = set()
        self.topics: dict[str, tuple[int, dict[str, str]]] = {}
        self.sizes: dict[str, int] = {}
        self.asked: list[int] = []
        self.refuses: set[str] = set()
        self.silent = False
        self.port = self.admin_port = 0

    def answer(self, key: int, version: int, told: Reader, user: str) -> bytes:
        """To a question of somebody who is logged in."""
        known: dict[int, Callable[[Reader], bytes]] = {
            3: lambda told: self._metadata(told, version, user), 19: self._create, 29: self._rights, 30: self._grant,
            32: self._configs, 35: self._sizes, 51: self._scram,
        }  # fmt: skip
        if key not in (3, 18) and user != ADMIN:
            raise PermissionError(f"{user} asks {key}")
        return known[key](told)

    def _metadata(self, told: Reader, version: int, user: str) -> bytes:
        wanted, epoch = told.array(told.string), int32(0) if version == 7 else b""
        topics = [
            int16(0) + string(name) + int8(name.startswith("__"))
            + array(
                int16(0) + int32(index) + int32(1) + epoch + array([int32(1)]) + array([int32(1)]) + array([])
                for index in range(count)
            )
            for name, (count, _) in self.topics.items() if not wanted or name in wanted
        ]  # fmt: skip
        broker = (
            int32(1)
            + string("127.0.0.1")
            + int32(self.admin_port if user == ADMIN else self.port)
            + string(None)
        )
        return int32(0) + array([broker]) + string("cluster") + int32(1) + array(topics)

    def _scram(self, told: Reader) -> bytes:
        assert told.compact_array(told.compact) == []
        wanted = told.compact_array(lambda: _upserted(told))
        for name, mechanism, iterations, salt, salted in wanted:
            assert mechanism == 2
            self.users[name] = (salt, iterations, salted)
        results = [_compact(name) + int16(0) + b"\0" + NO_TAGS for name, *_ in wanted]
        return int32(0) + compact_array(results) + NO_TAGS

    def _rights(self, told: Reader) -> bytes:
        kind, name, pattern, principal = told.int8(), told.string(), told.int8(), told.string()
        host, operation, permission = told.string(), told.int8(), told.int8()
        assert (kind, name, pattern, host, operation, permission) == (1, "", 1, "", 1, 1)
        found = sorted(one for one in self.rights if one[3] == principal or not principal)
        resources = [
            int8(kind) + string(name) + int8(pattern)
            + array([string(who) + string(host) + int8(operation) + int8(permission)])
            for kind, name, pattern, who, host, operation, permission in found
        ]  # fmt: skip
        return int32(0) + int16(0) + string(None) + array(resources)

    def _grant(self, told: Reader) -> bytes:
        wanted = told.array(
            lambda: (
                told.int8(), told.string(), told.int8(), told.string(), told.string(), told.int8(), told.int8()
            )
        )  # fmt: skip
        self.rights |= set(wanted)
        return int32(0) + array(int16(0) + string(None) for _ in wanted)

    def _create(self, told: Reader) -> bytes:
        def one() -> tuple[str, int, int, dict[str, str]]:
            name, count, copies = told.string(), told.int32(), told.int16()
            assert told.array(told.int32) == []
            return name, count, copies, dict(told.array(lambda: (told.string(), told.string())))

        wanted = told.array(one)
        assert told.int32() > 0
        only_judge = told.int8()
        results = []
        for name, count, copies, settings in wanted:
            code = _IS_THERE if name in self.topics else _BAD_CONFIG if name in self.refuses else 0
            if not code and not only_judge:
                assert copies == 1
                self.topics[name] = (count, settings)
            results.append(string(name) + int16(code) + string("no" if code else None))
        return int32(0) + array(results)

    def _configs(self, told: Reader) -> bytes:
        wanted = told.array(lambda: (told.int8(), told.string(), told.array(told.string)))
        results = []
        for kind, name, keys in wanted:
            values = self.settings if kind == 4 else self.topics[name][1]
            lines = [
                string(key) + string(value) + int8(0) + int8(1 if kind == 2 else 4) + int8(0) + array([])
                for key, value in values.items() if not keys or key in keys
            ]  # fmt: skip
            if kind == 2:
                lines.append(
                    string("retention.ms") + string("604800000") + int8(0) + int8(5) + int8(0) + array([])
                )
            results.append(int16(0) + string(None) + int8(kind) + string(name) + array(lines))
        return int32(0) + array(results)

    def _sizes(self, _: Reader) -> bytes:
        topics = [
            string(name) + array([int32(0) + size.to_bytes(8, "big") + (0).to_bytes(8, "big") + int8(0)])
            for name, size in self.sizes.items()
        ]
        return int32(0) + array([int16(0) + string("/var/lib/kafka/data") + array(topics)])


def _upserted(told: Reader) -> tuple[str, int, int, bytes, bytes]:
    one = told.compact(), told.int8(), told.int32(), _compact_data(told), _compact_data(told)
    told.tags()
    return one


def _compact(text: str) -> bytes:
    return bytes([len(text) + 1]) + text.encode()


def _compact_data(told: Reader) -> bytes:
    return told._take(told._unsigned() - 1)
