"""nginx, as it is rendered, before clients that want another protocol: who gets to the app with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.templates.running import Nginx, instance, running


@pytest.fixture(name="nginx")
def _nginx(tmp_path: Path) -> Iterator[Nginx]:
    with instance() as values, running(tmp_path, values, Nginx) as nginx:
        yield nginx


def arrived(nginx: Nginx, **headers: str) -> dict[str, str]:
    """The headers of a request as the app sees them."""
    status, _, body = nginx.ask(**headers)
    assert status == 200
    found: dict[str, str] = json.loads(body)
    return found


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "tcp"])
def test_a_change_of_protocol_is_asked_of_the_app(nginx: Nginx, protocol: str) -> None:
    """A WebSocket, or whatever the app speaks."""
    seen = arrived(nginx, Connection="Upgrade", Upgrade=protocol)
    assert (seen["upgrade"], seen["connection"]) == (protocol, "upgrade")


def test_http_2_is_no_business_of_the_app(nginx: Nginx) -> None:
    """What `curl --http2` sends: the app is asked by HTTP/1.1, on a connection that stays."""
    seen = arrived(
        nginx, Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAMAAABkAAQCAAAA"
    )
    assert seen.keys() & {"upgrade", "connection"} == set()


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_connections_to_the_app_stay(nginx: Nginx, accept: str) -> None:
    """Nothing is upgraded, and nothing says close."""
    assert arrived(nginx, Accept=accept).keys() & {"upgrade", "connection"} == set()
