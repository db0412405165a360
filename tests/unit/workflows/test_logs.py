"""Logs of several hosts as one stream."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import HostUnreachable, UsageError
from orchestrator.facts import journal
from orchestrator.workflows import logs
from tests.support.fleet import APP, FakeFleet, stage

STAGE = stage("web-1", "web-2", balancers=["lb-1"])
LINES = {"web-1": ["10:00:01", "10:00:04"], "web-2": ["10:00:02", "10:00:03"]}


class Journals(FakeFleet):
    """Hosts with journals."""

    def call(self, host: str, verb: str, request: Any, *, body: Any = (), on_event: Any = None) -> Any:
        """Stream this host's lines."""
        if host not in LINES:
            raise HostUnreachable("lost", host=host)
        for time in LINES[host]:
            on_event(
                host, {"event": "log", "time": time, "unit": "shop@4101.service", "message": f"at {time}"}
            )
        return {"lines": len(LINES[host])}


def run(*hosts: str, follow: bool = False) -> list[str]:
    """What is shown, host and time."""
    chosen = tuple(host for host in STAGE.hosts if host.name in hosts)
    wish = logs.Wish(chosen, follow=follow)
    found = logs.run(AppConfig(app=APP), STAGE, wish, lambda *_: Journals(STAGE))
    return [f"{line.host} {line.instance} {line.time}" for line in found]


@pytest.mark.parametrize("follow", [False, True])
def test_lines_are_in_order_of_time(follow: bool) -> None:
    """Not in the order in which the hosts answered."""
    assert run("web-1", "web-2", follow=follow) == [
        "web-1 shop@4101 10:00:01", "web-2 shop@4101 10:00:02", "web-2 shop@4101 10:00:03", "web-1 shop@4101 10:00:04",
    ]  # fmt: skip


def test_a_lost_host_is_an_error() -> None:
    """Half of the logs must not pass for all."""
    with pytest.raises(HostUnreachable):
        run("web-1", "lb-1")


def test_a_line_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the host's end would wait for ever."""

    def broken(*_: object) -> None:
        raise KeyError("time")

    monkeypatch.setattr(journal, "parse", broken)
    with pytest.raises(KeyError):
        run("web-1", follow=True)


@pytest.mark.parametrize(
    ("text", "port"), [("", 0), ("4101", 4101), ("shop@4101", 4101), ("shop@4101.service", 4101)]
)
def test_an_instance_is_named_by_its_port(text: str, port: int) -> None:
    """With or without the unit's name."""
    assert logs.port_of(text) == port


def test_a_wrong_instance_is_refused() -> None:
    """Exit code 2."""
    with pytest.raises(UsageError, match="no instance 'blue'"):
        logs.port_of("blue")


def test_a_load_balancer_has_no_instances() -> None:
    """It is no place to look for logs; the hosts that are, are named."""
    with pytest.raises(UsageError) as caught:
        logs.app_hosts(STAGE, ("lb-1",))
    assert caught.value.next == "one of web-1, web-2"


def test_since_asks_for_everything_since_then() -> None:
    """Not for a hundred lines of it."""
    assert logs.Wish((), since="1 hour ago").request()["lines"] > 1000
    assert logs.Wish(()).request()["lines"] == 100


def test_a_service_is_asked_where_it_runs() -> None:
    """Which is what decides, and no option; one that is not there is told with those that are."""
    config, one = AppConfig.model_validate({"app": APP, "services": {"mariadb": {}}}), stage("web-1")
    hosts = logs.carrier(config, one, "mariadb")
    assert [host.name for host in hosts] == ["web-1"]
    assert logs.Wish(hosts, service="mariadb").request()["service"] == "mariadb"
    with pytest.raises(UsageError) as caught:
        logs.carrier(config, one, "mariadbb")
    assert caught.value.what == 'the app has no service mariadbb; did you mean "mariadb"?'
