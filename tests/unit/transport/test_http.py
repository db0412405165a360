"""The probe, against a server of our own."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.transport.http import Probe, Target


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the server's status; 0 closes without an answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One request."""
        self.server.asked += 1  # type: ignore[attr-defined] # set by the fixture
        status = self.server.status  # type: ignore[attr-defined] # set by the fixture
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if self.server.in_maintenance:  # type: ignore[attr-defined] # set by the fixture
            self.send_header("Vpsdeploy-Maintenance", "on")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="server")
def _server() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.in_maintenance, server.asked = 200, False, 0
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def probe_of(server: Any) -> Probe:
    """A probe of the server."""
    return Probe((Target("127.0.0.1", server.server_address[1], "shop.example"),))


def wait_for(server: Any, requests: int) -> None:
    """Wait until the server was asked so often from now on: however slow the machine is."""
    wanted, until = server.asked + requests, time.monotonic() + 30
    while server.asked < wanted:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_says_for_how_long_nothing_was_answered_well(server: Any) -> None:
    """Errors are no good answers, and a load balancer that was never asked is not named."""
    probe = probe_of(server)
    assert probe.silent_seconds() == {}
    probe.start(serving=True)
    wait_for(server, 2)
    well = probe.silent_seconds()["127.0.0.1"]
    server.status = 500
    wait_for(server, 2)
    time.sleep(2 * well)
    badly = probe.silent_seconds()["127.0.0.1"]
    probe.stop()
    assert well < badly


def test_answers_are_counted_and_timed(server: Any) -> None:
    """All well: nothing failed."""
    probe = probe_of(server)
    probe.start(serving=True)
    wait_for(server, 3)
    proof = probe.stop()
    assert proof.requests >= 2
    assert (proof.failed, proof.failures, proof.unreachable) == (0, (), ())
    assert 0 < proof.p50_ms <= proof.p99_ms


def test_the_apps_own_404_is_an_answer(server: Any) -> None:
    """An app without a route on / proves as much."""
    server.status = 404
    probe = probe_of(server)
    probe.start(serving=True)
    wait_for(server, 2)
    assert probe.stop().failed == 0


@pytest.mark.parametrize(("status", "text"), [(503, "answered 503"), (0, "RemoteDisconnected")])
def test_an_error_and_a_lost_answer_have_failed(server: Any, status: int, text: str) -> None:
    """Each is counted once, none is asked again."""
    probe = probe_of(server)
    probe.start(serving=True)
    server.status = status
    wait_for(server, 2)
    proof = probe.stop()
    assert proof.failed > 0
    assert text in proof.failures[0]


def test_what_did_not_answer_before_is_not_measured(server: Any) -> None:
    """A load balancer that cannot be reached from here does not make a release fail."""
    server.status = 0
    probe = probe_of(server)
    probe.start(serving=True)
    proof = probe.stop()
    assert (proof.requests, proof.unreachable) == (0, ("127.0.0.1",))


def test_maintenance_is_no_failure_and_no_measure(server: Any) -> None:
    """nginx's own 503 says nothing about the release: it is counted apart, from before the flip on."""
    server.status, server.in_maintenance = 503, True
    probe = probe_of(server)
    probe.start(serving=True)
    wait_for(server, 2)
    proof = probe.stop()
    assert (proof.requests, proof.failed, proof.unreachable) == (0, 0, ())
    assert proof.in_maintenance > 0
