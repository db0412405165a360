"""nginx, as its role renders it, on a port of loopback, with an app behind it that says what it was asked."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from orchestrator.agent.layout import AppLayout, Layout
from tests.templates.test_templates import nginx_tree

_PLACES = ("/var/lib/vpsdeploy/", "/var/www/vpsdeploy/", "/run/vpsdeploy/")


class Nginx:
    """One nginx that runs."""

    def __init__(self, port: int, app: AppLayout) -> None:
        self.port, self.app = port, app
        self._asked = 0

    def ask(
        self, method: str = "GET", path: str = "/", body: bytes | str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one answer; `_` in a header's name is a hyphen."""
        self._asked += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request(method, path, body, headers=named)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def every(self, headers: dict[str, str], answer: dict[str, str]) -> list[tuple[str, str]]:
        """All headers that a client gets, also those that come twice.

        Args:
            headers: Of the request.
            answer: Those that the app adds to its answer.
        """
        self._asked += 1
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", "/", headers={"X-Answer": json.dumps(answer), **headers})
            return connection.getresponse().getheaders()

    def log(self, app: str = "") -> list[dict[str, Any]]:
        """The lines of an app's access log (default: the only app); nginx writes one when its answer is on the way."""
        logs = self.app.host.root / "var/log/nginx"
        until = time.monotonic() + 5
        while self._written(logs) < self._asked and time.monotonic() < until:
            time.sleep(0.01)
        lines = (logs / f"{app or self.app.name}.access.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def _written(self, logs: Path) -> int:
        return sum(len(file.read_text().splitlines()) for file in logs.glob("*access.log"))


Kind = TypeVar("Kind", bound=Nginx)


@contextlib.contextmanager
def running(
    root: Path, values: dict[str, Any], kind: type[Kind], *, before: tuple[dict[str, Any], ...] = ()
) -> Iterator[Kind]:
    """Started, and ended, without systemd.

    Args:
        root: Where its files are put.
        values: The role's variables.
        kind: What the test asks it by.
        before: Other apps of the same host: the role was applied with these first.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.fail("nginx is not there: `make test-unit` brings it, or apt-get install nginx")
    port = _free_port()
    for applied in (*before, values):
        nginx_tree(root, {"nginx_upstreams": ["127.0.0.1"], "nginx_ipv6_enabled": False, **applied})
    for file in root.rglob("*.conf"):
        text = file.read_text().replace("18080", str(port)).replace("user www-data;", "")
        text = text.replace("listen 127.0.0.1:8081", f"listen unix:{root}/status")
        for moved in _PLACES:
            text = text.replace(f" {moved}", f" {root}{moved}")
        file.write_text(text)
    (root / "etc/nginx/mime.types").write_text("types { text/html html; application/json json; }\n")
    app = Layout(root).app("my-shop")
    app.routes.mkdir(parents=True)
    arguments = [
        "-c",
        str(root / "etc/nginx/nginx.conf"),
        "-e",
        "stderr",
        "-g",
        "daemon off; master_process off;",
    ]
    process = subprocess.Popen([program, *arguments], stderr=subprocess.PIPE)
    try:
        _wait(port, process)
        yield kind(port, app)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _free_port() -> int:
    """Nobody else takes it before nginx does: no client, whose port the kernel chooses, nor another worker's test."""
    for port in range(20_000 + os.getpid() % 10_000, 32_768):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free")


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(process.communicate()[1].decode()) from None
            time.sleep(0.05)


class _App(http.server.BaseHTTPRequestHandler):
    """Says which headers arrived, and adds to its answer those that the request names (X-Answer: {"Name": "value"})."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer 200, or what the path names: /status/429."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200)
        for name, value in json.loads(self.headers.get("X-Answer") or "{}").items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """The same."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def instance() -> Iterator[dict[str, Any]]:
    """An instance of the app; the role's values that send requests to it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _App)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {
            "nginx_app_port": server.server_port - 1, "nginx_app_instances": 1, "nginx_app_instances_max": 1,
            "nginx_upstream_names": ["web-1"],
        }  # fmt: skip
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
