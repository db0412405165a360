"""One message to a server on this machine: taken, refused, unanswered; and what is said about it."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from orchestrator.secret import Secret
from orchestrator.transport import webhook

SECRET = "s3cr3t-path"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it gets; answers as the path says."""

    got: ClassVar[list[dict[str, Any]]] = []
    kinds: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Answer with the number in the path; 302 points back to this server."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.got.append(json.loads(body))
        Receiver.kinds.append(self.headers["Content-Type"])
        status = int(self.path.split("/")[1])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"/200/{SECRET}")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="url")
def _url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that runs as long as the test."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Receiver.got, Receiver.kinds = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_message_arrives_as_json(url: str) -> None:
    """With the type that receivers ask for."""
    assert webhook.post(Secret(f"{url}/200/{SECRET}"), {"text": "ü"}) == ""
    assert Receiver.got == [{"text": "ü"}]
    assert Receiver.kinds == ["application/json; charset=utf-8"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_success_is_named(url: str, status: int) -> None:
    """A redirect too: the message goes to nobody who was not named."""
    assert webhook.post(Secret(f"{url}/{status}/{SECRET}"), {}) == f"answered {status}"
    assert len(Receiver.got) == 1


def test_a_server_that_is_not_there_is_named() -> None:
    """Its refusal, not its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert webhook.post(Secret(f"http://127.0.0.1:{port}/{SECRET}"), {}) == "connection refused"


def test_a_server_that_hangs_costs_a_limited_time() -> None:
    """It takes the connection and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}"
        assert webhook.post(Secret(url), {}, timeout_seconds=0.2) == "no answer within 0.2 s"


@pytest.mark.parametrize(
    "url", [f"http://[{SECRET}/", f"http://x:{SECRET}/", f"http://x/{SECRET} y", SECRET, ""]
)
def test_what_is_no_url_is_never_quoted(url: str) -> None:
    """http.client and urllib would put it into their errors."""
    said = webhook.post(Secret(url), {}, timeout_seconds=0.2)
    assert said
    assert SECRET not in said
