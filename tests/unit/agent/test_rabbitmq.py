"""RabbitMQ: the app's user, virtual host and rights, over the server's HTTP API."""

from __future__ import annotations

import grp
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.agent import rabbitmq, rabbitmq_api, services
from orchestrator.agent.failures import UsageError
from orchestrator.agent.programs import Finished
from orchestrator.agent.verbs import console
from tests.support.fake_rabbitmq import Broker, serving
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
SETTINGS = {
    "service": "rabbitmq", "app": "shop", "version": "4.0", "user": "shop", "port": 5672, "connections": 0,
    "address": "127.0.0.1", "memory": 1000, "disk_free": 2000, "unit": "rabbitmq-server.service", "certificate": "",
}  # fmt: skip


@pytest.fixture(name="broker")
def _broker(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """As the role leaves it."""
    bare.layout.services.mkdir(parents=True)
    with serving(Broker("shop")) as made:
        installed(bare, made, monkeypatch)
        describe(bare, made)
        yield made


def installed(host: Host, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own command, and its group."""
    told = host.systemd.__class__.__call__

    def commanded(self: Any, arguments: Any) -> Any:
        return broker.command(arguments) if arguments[0] == "rabbitmqctl" else told(self, arguments)

    monkeypatch.setattr(host.systemd.__class__, "__call__", commanded)
    monkeypatch.setattr(grp, "getgrnam", lambda _: SimpleNamespace(gr_gid=os.getgid()))


def describe(host: Host, broker: Broker, **more: Any) -> None:
    """What the role writes down."""
    settings = {**SETTINGS, "management": broker.port, **more}
    (host.layout.services / "rabbitmq.json").write_text(json.dumps(settings))


def make(host: Host) -> list[str]:
    """Ask for the app's login."""
    changed: list[str] = host.call("service", service="rabbitmq", password=PASSWORD)["changed"]
    return changed


def test_a_server_that_knows_nobody_gets_an_administrator_and_the_app(bare: Host, broker: Broker) -> None:
    """The administrator by the server's own command, the app over HTTP: digests only, and no argument has one."""
    assert make(bare) == ["user shop", "rights of shop"]
    assert broker.lets_in("shop", PASSWORD)
    assert not broker.lets_in("shop", "another")
    assert broker.users["shop"]["tags"] == ""
    assert broker.permissions == {("shop", "shop"): {"configure": ".*", "write": ".*", "read": ".*"}}
    (words,) = broker.commands
    assert words[:-1] == ["rabbitmqctl", "--node", "rabbit@localhost", "import_definitions"]
    assert not Path(words[-1]).exists()
    kept = bare.layout.services / "rabbitmq.env"
    admin = kept.read_text().splitlines()[1].partition("=")[2]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert broker.lets_in("vpsdeploy", admin)
    assert PASSWORD not in json.dumps([broker.asked, broker.commands])
    assert admin not in json.dumps([broker.asked, broker.commands])


def test_what_is_so_already_is_asked_and_not_told(bare: Host, broker: Broker) -> None:
    """The command of the server, which takes a second, is not even started."""
    make(bare)
    broker.asked.clear()
    broker.commands.clear()
    assert make(bare) == []
    assert {method for method, _, _ in broker.asked} == {"GET"}
    assert broker.commands == []


def test_another_password_is_put_right_and_so_is_a_user_with_more_rights(bare: Host, broker: Broker) -> None:
    """Whoever could look into every virtual host is no app."""
    make(bare)
    broker.users["shop"] = {"name": "shop", "password_hash": "AAAA", "hashing_algorithm": "x"}
    assert make(bare) == ["password of shop"]
    broker.users["shop"]["tags"] = ["administrator"]
    assert make(bare) == ["password of shop"]
    assert broker.lets_in("shop", PASSWORD)
    broker.permissions["shop", "shop"]["write"] = "^$"
    assert make(bare) == ["rights of shop"]


def test_the_guest_is_gone(bare: Host, broker: Broker) -> None:
    """A server that was there before us has one, with a password that everybody knows."""
    make(bare)
    broker.users["guest"] = {"name": "guest"}
    assert make(bare) == ["no user guest"]
    assert "guest" not in broker.users


def test_an_administrator_that_the_server_forgot_is_made_again(bare: Host, broker: Broker) -> None:
    """Its data are new, or somebody took them away."""
    make(bare)
    broker.users.clear()
    broker.vhosts.clear()
    assert make(bare) == ["virtual host shop", "user shop"]


def test_limits_are_changed_while_it_runs(bare: Host, broker: Broker) -> None:
    """A restart would break the app's connections."""
    make(bare)
    describe(bare, broker, memory=5000, disk_free=7000)
    assert bare.call("services")["services"][0]["waits"] == ["memory", "disk space"]
    assert make(bare) == ["memory", "disk space"]
    assert broker.node == {"mem_limit": 5000, "disk_free_limit": 7000}
    assert bare.call("services")["services"][0]["waits"] == []


def test_its_health_is_what_it_says(bare: Host, broker: Broker) -> None:
    """Messages are the app's data; an address that it does not listen on yet waits for a restart."""
    make(bare)
    broker.vhosts["shop"]["queues"] = [{"name": "mails"}, {"name": "orders"}]
    broker.messages = {"mails": 4, "orders": 2}
    (told,) = bare.call("services")["services"]
    assert (told["running"], told["version"], told["connections"]) == (True, "4.0.5", 3)
    assert (told["data_bytes"], told["waits"]) == (60, [])
    describe(bare, broker, address="10.0.0.5", certificate="/etc/rabbitmq/tls/10.0.0.5.crt")
    assert bare.call("services")["services"][0]["waits"] == ["listeners"]
    broker.listeners.append({"protocol": "amqp/ssl", "ip_address": "10.0.0.5", "port": 5672})
    assert bare.call("services")["services"][0]["waits"] == []
    describe(bare, broker, address="2001:DB8:0::5", certificate="/etc/rabbitmq/tls/x.crt")
    broker.listeners.append({"protocol": "amqp/ssl", "ip_address": "2001:db8::5", "port": 5672})
    assert bare.call("services")["services"][0]["waits"] == []


def test_a_server_that_is_down_is_told(bare: Host, broker: Broker) -> None:
    """By status, and as an error where a login is to be made."""
    make(bare)
    describe(bare, broker, management=1)
    (told,) = bare.call("services")["services"]
    assert not told["running"]
    assert "rabbitmq-server.service is inactive (dead): " in told["why"]
    failed = bare.call("service", service="rabbitmq", password=PASSWORD)
    assert failed["kind"] == "HostNotReady"


def test_a_queue_that_is_new_has_no_statistics_and_is_no_fault(bare: Host, broker: Broker) -> None:
    """For its first five seconds the server tells it as [], of all that JSON has: as empty as Erlang's list is."""
    make(bare)
    broker.vhosts["shop"]["queues"] = [{"name": "mails"}, {"name": "doubles"}]
    broker.messages = {"mails": 4}
    (told,) = bare.call("services")["services"]
    assert (told["running"], told["why"], told["data_bytes"]) == (True, "", 40)


def test_a_node_that_is_new_waits_for_nothing(bare: Host, broker: Broker) -> None:
    """For its first five seconds it does not tell its limits: whether a restart is due is not known then."""
    make(bare)
    broker.node = {"running": True}
    assert bare.call("services")["services"][0]["waits"] == []


def test_a_service_that_talks_nonsense_leaves_the_others_alone(
    bare: Host, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status has to say how they are; of this one it says what came."""
    make(bare)
    (bare.layout.services / "redis.json").write_text(json.dumps({**SETTINGS, "service": "redis"}))
    said = {"version": "8.0", "connections": 1, "data_bytes": 1, "waits": []}
    monkeypatch.setitem(services.KINDS, "redis", services.KINDS["redis"]._replace(health=lambda *_: said))
    monkeypatch.setattr(broker, "answer", lambda *_: (200, []))
    found = {one["service"]: one for one in bare.call("services")["services"]}
    assert (found["redis"]["running"], found["rabbitmq"]["running"]) == (True, False)
    assert "its answer cannot be read: " in found["rabbitmq"]["why"]


@pytest.fixture(name="soon")
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for before it is asked again."""
    monkeypatch.setattr(rabbitmq_api, "_AGAIN_SECONDS", 0.0)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("asked", ["overview", "nodes", "queues"])
def test_statistics_that_are_late_once_are_asked_for_again(bare: Host, broker: Broker, asked: str) -> None:
    """A loaded machine is behind with them; nothing of what status says is missing then."""
    make(bare)
    wanted = bare.call("services")["services"]
    broker.fails = {asked: 1}
    assert bare.call("services")["services"] == wanted


@pytest.mark.usefixtures("soon")
def test_a_server_without_its_statistics_runs(bare: Host, broker: Broker) -> None:
    """It serves the app all the same: only its size, and what waits for a restart, are not known."""
    make(bare)
    describe(bare, broker, memory=5000, address="10.0.0.5", certificate="/x.crt")
    broker.fails = {"overview": 9, "nodes": 9, "queues": 9}
    (told,) = bare.call("services")["services"]
    assert (told["running"], told["version"], told["connections"]) == (True, "4.0.5", 3)
    assert (told["data_bytes"], told["waits"], told["why"]) == (None, [], "")


@pytest.mark.usefixtures("soon")
def test_a_server_that_answers_nothing_is_told_with_the_question(bare: Host, broker: Broker) -> None:
    """By status: what it was asked, and what it said."""
    make(bare)
    broker.fails = {"overview?disable_stats": 9}
    (told,) = bare.call("services")["services"]
    assert not told["running"]
    assert told["why"].endswith(": badarg (HTTP 500, GET /api/overview?disable_stats=true)")


def test_an_administrator_who_is_never_known_is_an_error(
    bare: Host, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes definitions in its own time, but not for ever."""
    monkeypatch.setattr(rabbitmq, "_KNOWN_SECONDS", 0.05)
    monkeypatch.setattr(broker, "lets_in", lambda *_: False)
    failed = bare.call("service", service="rabbitmq", password=PASSWORD)
    assert (failed["kind"], failed["why"]) == ("HostNotReady", "Login failed (HTTP 401, GET /api/whoami)")


def test_a_command_that_fails_is_told_in_the_server_s_words(bare: Host, broker: Broker) -> None:
    """Without what it was given."""
    broker.says = Finished(69, "", "Error: unable to connect")
    failed = bare.call("service", service="rabbitmq", password=PASSWORD)
    assert failed["what"] == "rabbitmq takes no administrator"
    assert failed["why"] == "Error: unable to connect"


def test_there_is_no_console(bare: Host, broker: Broker) -> None:
    """The controller says so before it asks, and the host has nothing to start."""
    assert broker.port
    call = bare.given(service="rabbitmq", password=PASSWORD)
    with pytest.raises(UsageError, match="rabbitmq has no client for people"):
        console.console(call)


@pytest.mark.parametrize("kept", ["", "AAAA", "not base64!", "no/t=="])
def test_a_digest_that_is_none_fits_nobody(kept: str) -> None:
    """Whatever stands in the server."""
    assert not rabbitmq.fits(kept, PASSWORD)
