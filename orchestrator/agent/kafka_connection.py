"""One connection to Kafka, logged in: its own protocol over its own port.

Each request has the newest version that Kafka 2.1 knew: 4.x has dropped what is older (KIP-896).
Source: kafka.apache.org/protocol; the schemas in clients/src/main/resources/common/message of its source.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from types import TracebackType

from orchestrator.agent import kafka_scram
from orchestrator.agent.kafka_wire import NO_TAGS, Reader, data, int16, int32, string

PLAIN = "PLAIN"
_SASL_HANDSHAKE, _SASL_AUTHENTICATE = (17, 1), (36, 0)
_CLIENT = "vpsdeploy"
_TIMEOUT_SECONDS = 10.0
"""Longest silence; `status` is waiting for it (our choice)."""

_MOST_BYTES = 1 << 26


class Refused(Exception):
    """The server said no.

    Attributes:
        code: Its number of an error; Source: org.apache.kafka.common.protocol.Errors.
    """

    def __init__(self, what: str, code: int, words: str = "") -> None:
        super().__init__(f"{what}: error {code}{f' ({words})' if words else ''}")
        self.code = code


class Connection:
    """A user's connection.

    Args:
        certificate: The only one that is believed; empty for no TLS.
    Raises: Refused: another password. OSError: nobody is there, or hangs up. ValueError: no answer that we know.
    """

    def __init__(
        self, address: str, port: int, user: str, password: str, mechanism: str, certificate: str = ""
    ) -> None:
        self._asked = 0
        self._socket = socket.create_connection((address, port), _TIMEOUT_SECONDS)
        try:
            if certificate:
                context = ssl.create_default_context(cafile=certificate)
                self._socket = context.wrap_socket(self._socket, server_hostname=address)
            self._login(user, password, mechanism)
        except (Refused, OSError, ValueError):
            self.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, key: int, version: int, body: bytes, *, flexible: bool = False) -> Reader:
        """One question, and its answer.

        Args:
            key: Which question; Source: kafka.apache.org/protocol, "Api Keys".
            version: Of its form.
            body: As that form wants it.
            flexible: Whether this version has tagged fields.
        Raises: OSError. ValueError.
        """
        self._asked += 1
        header = int16(key) + int16(version) + int32(self._asked) + string(_CLIENT)
        self._socket.sendall(data(header + (NO_TAGS if flexible else b"") + body))
        size = Reader(self._exactly(4)).int32()
        if not 4 <= size <= _MOST_BYTES:
            raise ValueError(f"an answer of {size} bytes")
        answer = Reader(self._exactly(size))
        if answer.int32() != self._asked:
            raise ValueError("an answer to another question")
        if flexible:
            answer.tags()
        return answer

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _login(self, user: str, password: str, mechanism: str) -> None:
        told = self.ask(*_SASL_HANDSHAKE, string(mechanism))
        if code := told.int16():
            offered = ", ".join(told.array(told.string))
            raise Refused(f"no login by {mechanism}, but by {offered or 'nothing'}", code)
        if mechanism == PLAIN:
            self._say(f"\0{user}\0{password}".encode())
            return
        exchange = kafka_scram.Exchange(user, password)
        exchange.verify(self._say(exchange.final(self._say(exchange.first()))))

    def _say(self, words: bytes) -> bytes:
        told = self.ask(*_SASL_AUTHENTICATE, data(words))
        code, why = told.int16(), told.string()
        if code:
            raise Refused("login", code, why)
        return told.data()

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            piece = self._socket.recv(min(size - len(found), 1 << 16))
            if not piece:
                raise ConnectionError("the connection was closed")
            found += piece
        return bytes(found)
