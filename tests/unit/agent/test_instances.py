"""How the instances of a pool are: what a watch sees of them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.agent.programs import Finished
from orchestrator.agent.verbs import instances
from tests.unit.agent.conftest import GREEN, RELEASES, FakeSystemd, Host

ENDS = (
    "shop@4101.service: A process of this unit has been killed by the OOM killer.\n"
    "shop@4101.service: Main process exited, code=killed, status=9/KILL\n"
    "Started shop@4101.service.\n"
)


class Crashed(FakeSystemd):
    """The first instance was ended by the kernel and started anew."""

    def __call__(self, arguments: Sequence[str]) -> Finished:
        """As systemd and its journal tell it."""
        done = super().__call__(arguments)
        if "UNIT=shop@4101.service" in arguments:
            return Finished(0, ENDS, "")
        if arguments[0] == "journalctl" and "_SYSTEMD_UNIT=shop@4101.service" in arguments:
            return Finished(0, "allocating\n", "")
        first, *rest = done.output.split("Id=shop@4102")
        return Finished(
            done.code, "Id=shop@4102".join([first.replace("NRestarts=0", "NRestarts=1"), *rest]), ""
        )


def look(host: Host, monkeypatch: pytest.MonkeyPatch, answer: str = "") -> list[dict[str, Any]]:
    """Ask, with health answers of our own."""
    monkeypatch.setattr(instances, "_ask", lambda port, path: answer)
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=GREEN)
    found: list[dict[str, Any]] = host.call("instances", colour=GREEN, path="/health")["instances"]
    return found


def test_instances_that_run_say_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked up in the journal for them."""
    found = look(host, monkeypatch)
    assert [(one["port"], one["state"], one["restarts"], one["unhealthy"], one["why"]) for one in found] == [
        (4101, "active", 0, "", ""), (4102, "active", 0, "", ""),
    ]  # fmt: skip
    assert "journalctl" not in {words[0] for words in host.systemd.told}


def test_an_instance_that_ran_out_of_memory_is_told_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd has forgotten it by then; its log has not."""
    host.systemd = Crashed()
    first, second = look(host, monkeypatch)
    assert (first["restarts"], second["restarts"], second["why"]) == (1, 0, "")
    assert first["why"].splitlines() == [
        "A process of this unit has been killed by the OOM killer.; Main process exited, code=killed, status=9/KILL",
        "its last lines:", "allocating",
    ]  # fmt: skip


def test_an_instance_that_is_not_healthy_any_more_says_what_it_answered(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs, so it is the watch that has to say how long that is borne."""
    found = look(host, monkeypatch, "GET /health answered 503")
    assert {one["unhealthy"] for one in found} == {"GET /health answered 503"}


def test_a_pool_that_is_gone_has_no_instances(host: Host) -> None:
    """And no release."""
    answer = host.call("instances", colour=GREEN, path="/health")
    assert (answer["release"], answer["instances"]) == (None, [])


def test_a_path_that_is_none_is_refused(host: Host) -> None:
    """It would be written into a request."""
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=GREEN)
    assert host.call("instances", colour=GREEN, path="/x\r\nHost: y")["kind"] == "UsageError"


@pytest.mark.parametrize(("status", "said"), [(200, ""), (503, "GET /health answered 503")])
def test_health_is_asked_over_loopback(status: int, said: str) -> None:
    """A 2xx is healthy; a port where nobody listens is named."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    assert instances._ask(server.server_address[1], "/health") == said
    thread.join()
    server.server_close()
    assert "ConnectionRefusedError" in instances._ask(server.server_address[1], "/health")
