"""NATS in memory: users by their file of digests, streams with snapshots of a few chunks; its monitoring over HTTP."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from orchestrator.agent import bcrypt, nats

_CHUNK = 10


class Streams:
    """A server that reads its users when it is told to."""

    def __init__(self, users: Path | None = None) -> None:
        self.file = users
        self.users: dict[str, str] = {}
        self.streams: dict[str, dict[str, Any]] = {}
        self.varz: dict[str, Any] = {
            "version": "2.10.27", "connections": 2, "host": "127.0.0.1", "port": 4222,
            "jetstream": {"config": {"max_memory": 100, "max_storage": 1000}},
        }  # fmt: skip
        self.ends = "204"
        self.loses, self.reloads, self.port, self.monitoring = 0, 0, 0, 0

    def reload(self) -> None:
        """Read the users again."""
        self.reloads += 1
        self.users = dict(nats._USER.findall(self.file.read_text())) if self.file else {}

    def lets_in(self, user: str, word: str) -> bool:
        """Whether the login is right; without a file everybody's is."""
        return self.file is None or bcrypt.fits(self.users.get(user, ""), word)

    def add(self, name: str, messages: int, **config: Any) -> None:
        """A stream with so many messages."""
        state = {"messages": messages, "bytes": 100 * messages, "first_seq": 1, "last_seq": messages}
        told = {"name": name, "storage": "file", "retention": "limits", "max_age": 0, **config}
        self.streams[name] = {"config": told, "state": state}

    def answer(self, words: list[str], body: dict[str, Any]) -> Any:
        """JetStream's own API."""
        match words:
            case ["STREAM", "LIST"]:
                page = list(self.streams.values())[body.get("offset", 0) :][:2]
                return {"total": len(self.streams), "streams": page}
            case ["STREAM", "SNAPSHOT", name] if name in self.streams:
                return self.streams[name]
            case ["STREAM", "DELETE", name] if name in self.streams:
                del self.streams[name]
                return {"success": True}
            case ["STREAM", "RESTORE", name] if name not in self.streams:
                return {"deliver_subject": f"restore.{name}"}
        return {"error": {"description": f"refused: {'.'.join(words)}"}}

    def restored(self, name: str, snapshot: bytes) -> Any:
        """A stream of what was sent."""
        try:
            self.streams[name] = json.loads(snapshot)
        except ValueError:
            return {"error": {"description": "the snapshot is none"}}
        state = self.streams[name]["state"]
        state["messages"] -= self.loses
        return {"state": state}


class _Handler(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:
        """Line after line."""
        self.of: Streams = self.server.of  # type: ignore[attr-defined]  # socketserver knows no such field; serving() sets it
        self.sent: dict[str, bytes] = {}
        self.wfile.write(b'INFO {"version": "2.10.27"}\r\n')
        while line := self.rfile.readline().decode():
            kind, _, rest = line.strip().partition(" ")
            if kind == "CONNECT":
                told = json.loads(rest)
                if not self.of.lets_in(told["user"], told["pass"]):
                    self.wfile.write(b"-ERR 'Authorization Violation'\r\n")
                    return
            elif kind == "PING":
                self.wfile.write(b"PONG\r\nPING\r\n")
            elif kind == "PUB":
                words = rest.split()
                body = self.rfile.read(int(words[-1]) + 2)[:-2]
                if len(words) > 2:
                    self._asked(words[0], words[1], body)

    def _asked(self, subject: str, reply: str, body: bytes) -> None:
        if subject.startswith("restore."):
            name = subject.partition(".")[2]
            self.sent[name] = self.sent.get(name, b"") + body
            self._deliver(
                reply, b"" if body else json.dumps(self.of.restored(name, self.sent.pop(name))).encode()
            )
        elif subject.startswith("$JS.API."):
            told = json.loads(body or b"{}")
            answer = self.of.answer(subject.removeprefix("$JS.API.").split("."), told)
            self._deliver(reply, json.dumps(answer).encode())
            if "deliver_subject" in told and "error" not in answer:
                self._snapshot(told["deliver_subject"], json.dumps(answer).encode())
        else:
            self._deliver(reply, b"NATS/1.0 503\r\n\r\n", headers=True)

    def _snapshot(self, to: str, content: bytes) -> None:
        for begin in range(0, len(content), _CHUNK):
            self._deliver(to, content[begin : begin + _CHUNK], reply="ack.me")
        end = f"NATS/1.0 {self.of.ends}\r\n\r\n" if self.of.ends else ""
        self._deliver(to, end.encode(), headers=bool(end))

    def _deliver(self, subject: str, body: bytes, reply: str = "", *, headers: bool = False) -> None:
        kind, sizes = ("HMSG", f"{len(body)} {len(body)}") if headers else ("MSG", str(len(body)))
        words = " ".join(word for word in (kind, subject, "1", reply, sizes) if word)
        self.wfile.write(words.encode() + b"\r\n" + body + b"\r\n")


@contextmanager
def serving(of: Streams) -> Iterator[Streams]:
    """Answer on two ports of loopback."""

    class Monitoring(BaseHTTPRequestHandler):
        """What is asked about the server."""

        def do_GET(self) -> None:
            """/varz or /jsz."""
            size = sum(one["state"]["bytes"] for one in of.streams.values())
            content = json.dumps(of.varz if self.path == "/varz" else {"storage": size, "memory": 5}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing is to be said."""

    with (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as clients,
        ThreadingHTTPServer(("127.0.0.1", 0), Monitoring) as monitoring,
    ):
        clients.of, clients.daemon_threads = of, True  # type: ignore[attr-defined]  # handlers find it there
        of.port, of.monitoring = clients.server_address[1], monitoring.server_address[1]
        for one in (clients, monitoring):
            threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        yield of
        for one in (clients, monitoring):
            one.shutdown()
