"""Servers on this machine that hosts of the sandbox reach: one that speaks S3, and one that is told of troubles."""

from __future__ import annotations

import ipaddress
import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from orchestrator.workflows import sandbox
from tests.support import shapes

RCLONE = Path(sys.executable).with_name("rclone")
IDENTIFIER, SECRET = "AKIAEXAMPLE", "s3cret-canary"


def gateway(sandbox_name: str) -> str:
    """The address of this machine that a sandbox's hosts reach."""
    return str(ipaddress.ip_network(sandbox.status(sandbox_name).subnet)[1])


class Cloud:
    """The server: its buckets are directories."""

    def __init__(self, place: Path, address: str) -> None:
        self.place, self.address = place, address
        with socket.socket() as free:
            free.bind((address, 0))
            self.endpoint = f"{address}:{free.getsockname()[1]}"
        (place / "buckets" / "mine").mkdir(parents=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=s3.test", "-addext", f"subjectAltName=IP:{address}", "-keyout", place / "key.pem",
             "-out", place / "cert.pem"], check=True, capture_output=True,
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> str:
        """What clients have to trust."""
        return (self.place / "cert.pem").read_text()

    @property
    def trusted(self) -> str:
        """A shell's script that has a host trust it."""
        into = "/usr/local/share/ca-certificates/s3.crt"
        return f"cat > {into} <<'PEM'\n{self.certificate}PEM\nupdate-ca-certificates >/dev/null 2>&1"

    @property
    def buckets(self) -> list[str]:
        """Those that there are."""
        return sorted(path.name for path in (self.place / "buckets").iterdir())

    def start(self) -> None:
        """Serve, and wait until somebody may connect."""
        command = [str(RCLONE), "serve", "s3", "--config", "/dev/null", "--addr", self.endpoint, "--auth-key",
                   f"{IDENTIFIER},{SECRET}", "--cert", str(self.place / "cert.pem"),
                   "--key", str(self.place / "key.pem"), str(self.place / "buckets")]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((self.address, int(self.endpoint.rpartition(":")[2])), 1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Nobody answers any more."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)


class Hook:
    """Somebody who is told: what was posted to which path, since the last question."""

    def __init__(self, address: str) -> None:
        posts: list[tuple[str, dict[str, Any]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append((self.path, json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._posts, self._server = posts, ThreadingHTTPServer((address, 0), Handler)
        self.endpoint = f"{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def heard(self) -> list[dict[str, Any]]:
        """The messages of the host's looks to the webhook; Slack's are texts alone, and as many."""
        found, self._posts[:] = list(self._posts), []
        alerts = [message for path, message in found if path == "/shop" and message["kind"] == "alert"]
        assert [set(message) for path, message in found if path == "/slack-canary"] == [{"text"}] * len(
            alerts
        )
        for one in alerts:
            assert shapes.differences(shapes.examples()["alert"], one) == []
        return alerts
