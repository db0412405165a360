"""NATS, as far as it is needed: log in, ask, be told. The server's protocol over its own port.

Source: docs.nats.io/reference/reference-protocols/nats-protocol; the same in 2.9 and 2.10.
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
from typing import Any, NamedTuple

_TIMEOUT_SECONDS = 30.0
_MOST_LINE_BYTES = 1 << 16


class Refused(Exception):
    """The server said no; its own words."""


class Message(NamedTuple):
    """What was delivered.

    Attributes:
        reply: Where an answer is awaited; empty where none is.
        status: Of its headers, such as "503 No Responders"; empty where there are none.
    """

    subject: str
    reply: str
    status: str
    payload: bytes


class Connection:
    """One connection, logged in.

    Raises: Refused: another password, or no TLS where there has to be. OSError: nobody is there.
    """

    def __init__(self, address: str, port: int, user: str, password: str, certificate: str = "") -> None:
        self._socket = socket.create_connection((address, port), _TIMEOUT_SECONDS)
        self._file = self._socket.makefile("rb")
        self._inbox, self._taken = f"_INBOX.{secrets.token_hex(11)}", 0
        try:
            self.info: dict[str, Any] = json.loads(self._line().partition(b" ")[2])
            if certificate:
                self._file.close()
                context = ssl.create_default_context(cafile=certificate)
                self._socket = context.wrap_socket(self._socket, server_hostname=address)
                self._file = self._socket.makefile("rb")
            about = {
                "verbose": False, "pedantic": False, "lang": "python3", "version": "1", "protocol": 1,
                "headers": True, "no_responders": True, "name": "vpsdeploy", "user": user, "pass": password,
            }  # fmt: skip
            self._send(f"CONNECT {json.dumps(about)}\r\nPING\r\nSUB {self._inbox}.* 1\r\n".encode())
            self._ponged()
        except (Refused, OSError, ValueError):
            self.close()
            raise

    def ask(self, subject: str, payload: bytes = b"") -> bytes:
        """One question, and its answer. Raises: Refused: nobody answers to that. OSError."""
        inbox = self.inbox()
        self.tell(subject, payload, inbox)
        while (message := self.next()).subject != inbox:
            pass
        if message.status:
            raise Refused(f"{subject}: {message.status}")
        return message.payload

    def asked(self, subject: str, **fields: Any) -> dict[str, Any]:
        """The same in JSON, as JetStream's own API speaks. Raises: Refused: an error is the answer."""
        answer: dict[str, Any] = json.loads(
            self.ask(f"$JS.API.{subject}", json.dumps(fields).encode() if fields else b"")
        )
        if error := answer.get("error"):
            raise Refused(str(error.get("description") or error))
        return answer

    def inbox(self) -> str:
        """A subject that comes to us, and to nobody else."""
        self._taken += 1
        return f"{self._inbox}.{self._taken}"

    def tell(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        """Send a message."""
        words = f"PUB {subject} {reply} {len(payload)}" if reply else f"PUB {subject} {len(payload)}"
        self._send(words.encode() + b"\r\n" + payload + b"\r\n")

    def next(self) -> Message:
        """Wait for the next one. Raises: Refused: the server complains. OSError."""
        while True:
            line = self._line()
            kind, *words = line.decode(errors="replace").split(" ")
            if kind == "PING":
                self._send(b"PONG\r\n")
            elif kind == "-ERR":
                raise Refused(" ".join(words).strip("'"))
            elif kind in ("MSG", "HMSG"):
                return self._message(kind, words)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def _message(self, kind: str, words: list[str]) -> Message:
        size = int(words[-1])
        body = self._exactly(size + 2)[:-2]
        headers = int(words[-2]) if kind == "HMSG" else 0
        others = words[2 : -2 if headers else -1]
        first = body[:headers].partition(b"\r\n")[0].decode(errors="replace")
        status = first.removeprefix("NATS/1.0").strip()
        return Message(words[0], others[0] if others else "", status, body[headers:])

    def _ponged(self) -> None:
        while (line := self._line()) != b"PONG":
            if line.startswith(b"-ERR"):
                raise Refused(line[4:].decode(errors="replace").strip(" '"))

    def _line(self) -> bytes:
        line = self._file.readline(_MOST_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise ConnectionError("the connection was closed")
        return line.rstrip(b"\r\n")

    def _exactly(self, size: int) -> bytes:
        body = self._file.read(size)
        if len(body) != size:
            raise ConnectionError("the connection was closed")
        return body

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)
