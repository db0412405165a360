"""Kafka in memory, served: logins on two ports, by TLS where there is a certificate.

Also run as a program, in the place of the real one: python fake_kafka_server.py SERVER_PROPERTIES
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.agent.kafka_wire import NO_TAGS, Reader, array, compact_array, data, int16, int32, string
from tests.support.fake_kafka import ADMIN, VERSIONS, Broker

_API_VERSIONS, _HANDSHAKE, _AUTHENTICATE, _FLEXIBLE = 18, 17, 36, 51
_BAD_LOGIN, _BAD_MECHANISM, _BAD_VERSION = 58, 33, 35


class Scram:
    """The server's half of one login. Source: RFC 5802, section 3."""

    def __init__(self, users: dict[str, tuple[bytes, int, bytes]]) -> None:
        self.users, self.name, self.first = users, "", ""

    def say(self, words: str) -> str:
        """The answer to the client's first or last message; LookupError where it is not let in."""
        if not self.name:
            bare = words.removeprefix("n,,")
            found = dict(part.split("=", 1) for part in bare.split(","))
            self.name = found["n"]
            salt, iterations, _ = self.users[self.name]
            self.first = f"r={found['r']}server,s={base64.b64encode(salt).decode()},i={iterations}"
            self.bare = bare
            return self.first
        without, _, proof = words.rpartition(",p=")
        salted = self.users[self.name][2]
        client = _hmac(salted, b"Client Key")
        signed = f"{self.bare},{self.first},{without}".encode()
        signature = _hmac(hashlib.sha512(client).digest(), signed)
        if bytes(a ^ b for a, b in zip(client, signature, strict=True)) != base64.b64decode(proof):
            raise LookupError
        return f"v={base64.b64encode(_hmac(_hmac(salted, b'Server Key'), signed)).decode()}"


class _Conversation:
    """With one client, until it hangs up or is not let in."""

    def __init__(self, broker: Broker, connection: socket.socket, mechanism: str) -> None:
        self.broker, self.connection, self.mechanism = broker, connection, mechanism
        self.user, self.scram = "", Scram(broker.users)

    def go_on(self) -> bool:
        """One question and its answer; False where there is no further one."""
        size = _all(self.connection, 4)
        if len(size) < 4:
            return False
        told = Reader(_all(self.connection, int.from_bytes(size, "big")))
        if self.broker.silent:
            return False
        key, version, number, _ = told.int16(), told.int16(), told.int32(), told.string()
        self.broker.asked.append(key)
        low, high = VERSIONS[key]
        if key != _API_VERSIONS and not low <= version <= high:
            return False
        if key == _FLEXIBLE:
            told.tags()
        body = self._answer(key, version, told)
        self.connection.sendall(data(int32(number) + (NO_TAGS if key == _FLEXIBLE else b"") + body))
        return key != _AUTHENTICATE or body[:2] == b"\0\0"

    def _answer(self, key: int, version: int, told: Reader) -> bytes:
        if key == _API_VERSIONS:
            lines = [int16(one) + int16(low) + int16(high) for one, (low, high) in VERSIONS.items()]
            if version == 3:
                return int16(0) + compact_array(line + NO_TAGS for line in lines) + int32(0) + NO_TAGS
            return int16(0 if version == 0 else _BAD_VERSION) + array(lines)
        if key == _HANDSHAKE:
            wrong = told.string() != self.mechanism
            return int16(_BAD_MECHANISM if wrong else 0) + array([string(self.mechanism)])
        if key == _AUTHENTICATE:
            return self._login(told.data().decode())
        if not self.user:
            raise ConnectionError("nobody is logged in")
        return self.broker.answer(key, version, told, self.user)

    def _login(self, words: str) -> bytes:
        answer = ""
        try:
            if self.mechanism != "PLAIN":
                answer = self.scram.say(words)
            elif words.split("\0")[1:] != [ADMIN, self.broker.password]:
                raise LookupError
        except LookupError:
            return int16(_BAD_LOGIN) + string("Authentication failed") + data(b"")
        if self.mechanism == "PLAIN":
            self.user = ADMIN
        elif answer.startswith("v="):
            self.user = self.scram.name
        return int16(0) + string(None) + data(answer.encode())


@contextmanager
def serving(
    broker: Broker, ports: tuple[int, int] = (0, 0), address: str = "127.0.0.1", pair: str = ""
) -> Iterator[Broker]:
    """On a port for the app, by TLS where there is a certificate with its key, and on one for the administrator."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if pair else None
    if context:
        context.load_cert_chain(pair)
    with (
        _listening(broker, (address, ports[0]), "SCRAM-SHA-512", context) as broker.port,
        _listening(broker, ("127.0.0.1", ports[1]), "PLAIN", None) as broker.admin_port,
    ):
        yield broker


@contextmanager
def _listening(
    broker: Broker, place: tuple[str, int], mechanism: str, context: ssl.SSLContext | None
) -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), self._link() as link:
                talk = _Conversation(broker, link, mechanism)
                while talk.go_on():
                    pass

        def _link(self) -> socket.socket:
            made: socket.socket = (
                context.wrap_socket(self.request, server_side=True) if context else self.request
            )
            return made

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True

    with Server(place, Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _all(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (piece := connection.recv(size - len(found))):
        found += piece
    return found


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha512).digest()


def main(properties: Path) -> None:
    """In the place of the real one: with its settings and its logins, and nothing that outlives it."""
    lines = (line.partition("=") for line in properties.read_text().splitlines() if not line.startswith("#"))
    settings = {name: value for name, equals, value in lines if equals}
    word = re.search(rf'user_{ADMIN}="(\w+)"', Path("/etc/kafka/admin.jaas").read_text())
    assert word is not None
    address, _, port = settings["listeners"].split(",")[0].removeprefix("CLIENT://").rpartition(":")
    pair = settings.get("listener.name.client.ssl.keystore.location", "")
    with serving(Broker(word[1], settings), (int(port), 9094), address.strip("[]"), pair):
        threading.Event().wait()


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
