"""The probe over HTTPS: trusted, or the host's very own certificate, and nobody else's."""

from __future__ import annotations

import hashlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model.fleet import Host
from orchestrator.transport import http as probe
from orchestrator.transport.https import PinnedConnection
from tests.support.certificates import Root

SHOP = "shop.example.com"
ROOT = Root("a root")
LEAF = ROOT.issue(SHOP)
PIN = hashlib.sha256(ssl.PEM_cert_to_DER_cert(LEAF.certificate)).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the name that was asked for."""

    protocol_version = "HTTP/1.1"
    asked = threading.Semaphore(0)

    def do_GET(self) -> None:
        """One request."""
        self.asked.release()
        name = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(name)))
        self.end_headers()
        self.wfile.write(name)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="port")
def _port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "chain.pem").write_text(LEAF.chain)
    (tmp_path / "key.pem").write_text(LEAF.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a refused handshake is part of the test
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(port: int, pin: str, name: str = SHOP) -> bytes:
    """One answer."""
    with closing(PinnedConnection("127.0.0.1", port, name, pin, 5)) as connection:
        connection.request("GET", "/", headers={"Host": name})
        return connection.getresponse().read()


def test_the_host_s_own_certificate_is_trusted_though_nobody_else_does(port: int) -> None:
    """An authority of one's own is no reason not to measure."""
    assert ask(port, PIN) == SHOP.encode()


def test_another_certificate_is_not(port: int) -> None:
    """Whoever answers in the host's place is found out."""
    with pytest.raises(ssl.SSLError, match="another certificate than the host's own"):
        ask(port, "0" * 64)


@pytest.mark.parametrize(("name", "is_trusted"), [(SHOP, True), ("other.example.com", False)])
def test_what_the_system_trusts_for_the_name_needs_no_pin(
    port: int, name: str, is_trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be renewed while a release runs; for another name it is worth nothing."""
    (tmp_path / "root.pem").write_text(ROOT.text)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    if is_trusted:
        assert ask(port, "0" * 64, name) == name.encode()
    else:
        with pytest.raises(ssl.SSLError):
            ask(port, "0" * 64, name)


def test_the_probe_counts_https_answers(port: int) -> None:
    """As it counts those of HTTP."""
    while Handler.asked.acquire(blocking=False):
        pass
    asked = probe.Probe((probe.Target("127.0.0.1", port, SHOP, PIN),))
    asked.start(serving=True)
    assert all(Handler.asked.acquire(timeout=30) for _ in range(3))
    proof = asked.stop()
    assert (proof.requests > 0, proof.failed, proof.unreachable) == (True, 0, ())


def test_each_load_balancer_is_asked_as_its_users_are() -> None:
    """One that has no certificate yet is asked by HTTP."""
    hosts = (Host("lb-1", "10.0.0.1"), Host("lb-2", "10.0.0.2"))
    found = probe.targets(hosts, SHOP, {"lb-1": PIN, "lb-2": ""})
    assert [(one.address, one.port, one.name, one.pin) for one in found] == [
        ("10.0.0.1", 443, SHOP, PIN),
        ("10.0.0.2", 80, SHOP, ""),
    ]
