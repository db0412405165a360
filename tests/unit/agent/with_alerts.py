"""A host with two receivers of its troubles, and what each was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from orchestrator.agent.alerts import post, troubles
from tests.unit.agent.conftest import Host
from tests.unit.agent.with_backups import World, world_of  # noqa: F401 - world_of: a fixture

HOOK = {"name": "https://ci.example/x", "type": "webhook", "url": "https://ci.example/x", "chat_id": ""}
SLACK = {"name": "SLACK_URL", "type": "slack", "url": "https://slack.example/secret", "chat_id": ""}


class Sent(NamedTuple):
    """One message, and where it went."""

    url: str
    message: dict[str, Any]


class Net:
    """Receivers: what each was told; `down` does not take anything."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.down: set[str] = set()
        self.silent: set[str] = set()
        self.first, self.end = threading.Event(), threading.Event()

    def __call__(self, url: str, message: dict[str, Any]) -> str:
        """Stands for `post`; all receivers are told at once, here the webhook first."""
        if url in self.silent:
            self.end.wait(20)
        if url == SLACK["url"]:
            self.first.wait(0.3)
        if url in self.down:
            return "answered 503"
        self.sent.append(Sent(url, message))
        self.first.set()
        return ""

    def texts(self) -> list[str]:
        """What was said since the last question."""
        found, self.sent = [str(one.message["text"]) for one in self.sent], []
        self.first.clear()
        return found


@pytest.fixture(name="net")
def net_of(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    """A host that is well, with two receivers; its disks have room."""
    net = Net()
    monkeypatch.setattr(post, "post", net)
    monkeypatch.setattr(troubles, "_fullest", lambda _: (0.5, "bytes"))
    world.running.add("nginx.service")
    world.host.call("receivers", receivers=[HOOK, SLACK])
    (world.host.layout.host_file).write_text(json.dumps({"stage": "production"}))
    world.unit("backup")
    yield net
    net.end.set()


def look(host: Host) -> dict[str, Any]:
    """The timer's look."""
    told: dict[str, Any] = host.words(["alerts", "--request", '{"protocol": 1, "by": "timer"}'])["apps"]
    return told
