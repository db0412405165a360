"""agent/verbs/gate.py: what is said of an instance that did not pass."""

from __future__ import annotations

import http.client
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.agent.verbs import gate
from tests.unit.agent.conftest import GREEN, RELEASES, Host

SHORT_SECONDS = 0.1


class Connection:
    """As a busy host has it: what is left of the gate's time is too short for any answer."""

    refuses = accepts = False
    status = 0

    def __init__(self, _host: str, _port: int, timeout: float) -> None:
        self.sock = self
        self.settimeout(timeout)

    def settimeout(self, timeout: float) -> None:
        """How long each step may take."""
        self._is_late = timeout < SHORT_SECONDS

    def connect(self) -> None:
        """Refused, taken, or neither in time."""
        if self.refuses and not self._is_late:
            raise ConnectionRefusedError
        if not self.accepts:
            raise TimeoutError

    def request(self, *_: object, **__: object) -> None:
        """Sent."""

    def getresponse(self) -> Any:
        """In time, or not."""
        if self._is_late or not self.status:
            raise TimeoutError
        return SimpleNamespace(status=self.status)

    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ({"refuses": True}, "nothing listens on 127.0.0.1:"),
        ({"accepts": True, "status": 503}, "answered 503"),
        ({"accepts": True}, "was accepted, but not answered"),
        ({}, "was not accepted"),
    ],
    ids=["refuses", "answers 503", "hangs", "is silent"],
)
def test_the_last_look_that_could_tell_something_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch, behaviour: dict[str, Any], told: str
) -> None:
    """Not the one that the gate's own end cut short."""
    assert told in judged(host, monkeypatch, type("Behaving", (Connection,), behaviour), 4 * SHORT_SECONDS)


def test_what_is_never_accepted_leaves_time_to_ask_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt that nothing comes back from is not all that the gate has."""
    accepted_within = list[float]()

    class Lost(Connection):
        refuses = True

        def connect(self) -> None:
            if len(accepted_within) < 2:
                raise TimeoutError
            super().connect()

        def settimeout(self, timeout: float) -> None:
            accepted_within.append(timeout)
            super().settimeout(timeout)

    why = judged(host, monkeypatch, Lost, 4 * SHORT_SECONDS, accept_seconds=SHORT_SECONDS)
    assert "nothing listens on 127.0.0.1:" in why
    assert max(accepted_within) == SHORT_SECONDS


def judged(
    host: Host, patch: pytest.MonkeyPatch, connection: type, limit: float, accept_seconds: float = 1.0
) -> str:
    """Why the gate fails where instances behave so."""
    client = SimpleNamespace(HTTPConnection=connection, HTTPException=http.client.HTTPException)
    patch.setattr(gate, "http", SimpleNamespace(client=client))
    patch.setattr(gate, "_ACCEPT_SECONDS", accept_seconds)
    host.ship(RELEASES[0])
    host.call("start", release=RELEASES[0], colour=GREEN)
    asked = host.call("gate", colour=GREEN, path="/", timeout_seconds=limit, interval_seconds=0.02)
    return str(asked["why"])
