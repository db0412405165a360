"""RabbitMQ's HTTP API in memory: users as digests, virtual hosts, rights, definitions."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator.agent.programs import Finished

KINDS = ("queues", "exchanges", "bindings", "policies", "parameters")


class Broker:
    """A server that knows nobody, as the role leaves it."""

    def __init__(self, vhost: str) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.vhosts: dict[str, dict[str, list[dict[str, Any]]]] = {vhost: {kind: [] for kind in KINDS}}
        self.permissions: dict[tuple[str, str], dict[str, str]] = {}
        self.node: dict[str, Any] = {"mem_limit": 1000, "disk_free_limit": 2000}
        self.listeners = [{"protocol": "amqp", "ip_address": "127.0.0.1", "port": 5672}]
        self.messages: dict[str, int] = {}
        self.loses = ""
        self.fails: dict[str, int] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.commands: list[list[str]] = []
        self.says = Finished(0, "", "")
        self.port = 0

    def command(self, arguments: Sequence[str]) -> Finished:
        """Stand in for rabbitmqctl."""
        self.commands.append(list(arguments))
        if self.says.code == 0 and "import_definitions" in arguments:
            for one in json.loads(Path(arguments[-1]).read_text())["users"]:
                self.users[one["name"]] = one
        if "set_vm_memory_high_watermark" in arguments:
            self.node["mem_limit"] = int(arguments[-1])
        if "set_disk_free_limit" in arguments:
            self.node["disk_free_limit"] = int(arguments[-1])
        return self.says

    def is_late(self, asked: str) -> bool:
        """Whether its statistics are not there: so many times more."""
        name = next((name for name, left in self.fails.items() if left and asked.startswith(name)), None)
        if name is None or ("?disable_stats" in asked and "?" not in name):
            return False
        self.fails[name] -= 1
        return True

    def lets_in(self, user: str, word: str) -> bool:
        """Whether this is the password whose digest is kept."""
        kept = base64.b64decode(self.users.get(user, {}).get("password_hash", ""))
        return bool(kept) and hashlib.sha256(kept[:4] + word.encode()).digest() == kept[4:]

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        """One request of the administrator."""
        totals = {"connections": 3, "queues": 1}
        overview = {"rabbitmq_version": "4.0.5", "object_totals": totals, "listeners": self.listeners}
        told = {"whoami": {"name": "vpsdeploy"}, "overview": overview, "nodes": self.node}
        if path == ["vhosts"]:
            return 200, [{"name": name} for name in self.vhosts]
        if path[0] in told:
            return 200, told[path[0]]
        match method, path:
            case "GET", ["queues", vhost] if vhost in self.vhosts:
                return 200, [{**one, **self._size(one)} for one in self.vhosts[vhost]["queues"]]
            case _, ["users", name]:
                return self._one(method, self.users, name, {"name": name, **body})
            case _, ["vhosts", name]:
                return self._one(method, self.vhosts, name, {kind: [] for kind in KINDS})
            case _, ["permissions", vhost, user]:
                return self._one(method, self.permissions, (vhost, user), body)
            case _, ["definitions", vhost] if vhost in self.vhosts:
                return self._definitions(method, vhost, body)
        return 404, {"error": "Object Not Found", "reason": "Not Found"}

    def _size(self, queue: dict[str, Any]) -> dict[str, int]:
        count = self.messages.get(queue["name"], 0)
        return {"messages": count, "message_bytes": 10 * count}

    @staticmethod
    def _one(method: str, kept: dict[Any, Any], key: Any, body: Any) -> tuple[int, Any]:
        if method == "PUT":
            kept[key] = body
            return 204, None
        if key not in kept:
            return 404, {"error": "Object Not Found", "reason": "Not Found"}
        if method == "DELETE":
            del kept[key]
            return 204, None
        return 200, kept[key]

    def _definitions(self, method: str, vhost: str, body: dict[str, Any]) -> tuple[int, Any]:
        here = self.vhosts[vhost]
        if method == "GET":
            return 200, {"rabbit_version": "4.0.5", **here}
        for kind in KINDS:
            if kind != self.loses:
                here[kind] += [one for one in body.get(kind, []) if one not in here[kind]]
        return 204, None


def _chosen(told: Any, query: str) -> Any:
    """As much as is asked for; a queue that has no statistics yet is told as [] then."""
    if query == "columns=message_bytes" and isinstance(told, list):
        return [{"message_bytes": one["message_bytes"]} if one["messages"] else [] for one in told]
    if query == "disable_stats=true" and isinstance(told, dict):
        return {name: value for name, value in told.items() if name != "listeners"}
    return told


@contextmanager
def serving(broker: Broker) -> Iterator[Broker]:
    """Answer on a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(size).decode()
            path = urlsplit(self.path).path
            broker.asked.append((self.command, unquote(path), text))
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            if not broker.lets_in(*login.split(":", 1)):
                status, told = 401, {"error": "not_authorized", "reason": "Login failed"}
            elif broker.is_late(self.path.removeprefix("/api/")):
                status, told = 500, {"error": "Internal Server Error", "reason": "badarg"}
            else:
                parts = [unquote(part) for part in path.removeprefix("/api/").split("/")]
                status, told = broker.answer(self.command, parts, json.loads(text or "{}"))
                told = _chosen(told, urlsplit(self.path).query)
            content = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            """Nothing is to be said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        broker.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield broker
        server.shutdown()
