"""NATS: the app's user in a file of digests, the server's health, its protocol."""

from __future__ import annotations

import grp
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.agent import bcrypt, nats
from orchestrator.agent.nats_connection import Connection, Refused
from tests.support.fake_nats import Streams, serving
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
UNIT = "nats-server.service"
SETTINGS = {
    "service": "nats", "app": "shop", "version": "2.10", "user": "shop", "connections": 0, "address": "127.0.0.1",
    "memory_store": 100, "file_store": 1000, "unit": UNIT, "certificate": "",
}  # fmt: skip


@pytest.fixture(name="server")
def _server(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Streams]:
    """It reads its users where systemd reloads it."""
    users = bare.layout.root / nats.USERS
    users.parent.mkdir(parents=True)
    bare.layout.services.mkdir(parents=True)
    monkeypatch.setattr(grp, "getgrnam", lambda _: SimpleNamespace(gr_gid=os.getgid()))
    told = bare.systemd.__class__.__call__
    with serving(Streams(users)) as made:

        def reloading(self: Any, arguments: Any) -> Any:
            if list(arguments) == ["systemctl", "reload", UNIT]:
                made.reload()
            return told(self, arguments)

        monkeypatch.setattr(bare.systemd.__class__, "__call__", reloading)
        describe(bare, made)
        yield made


def describe(host: Host, server: Streams, **more: Any) -> None:
    """What the role writes down."""
    settings = {**SETTINGS, "port": server.port, "monitoring": server.monitoring, **more}
    (host.layout.services / "nats.json").write_text(json.dumps(settings))


def make(host: Host) -> list[str]:
    """Ask for the app's login."""
    changed: list[str] = host.call("service", service="nats", password=PASSWORD)["changed"]
    return changed


def test_the_first_time_the_server_reads_two_digests(bare: Host, server: Streams) -> None:
    """The app's and an administrator's; the passwords are in no argument and not in the file."""
    assert make(bare) == ["user shop"]
    assert server.users.keys() == {"vpsdeploy", "shop"}
    assert server.lets_in("shop", PASSWORD)
    admin = (bare.layout.services / "nats.env").read_text().splitlines()[1].partition("=")[2]
    assert server.lets_in("vpsdeploy", admin)
    text = (bare.layout.root / nats.USERS).read_text()
    assert PASSWORD not in text + json.dumps(bare.systemd.told)
    assert admin not in text


def test_the_server_may_read_its_users_from_the_moment_that_they_are_there(
    bare: Host, server: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever interrupts us then: a file of root's alone would keep the server from its next start."""
    assert server.users == {}
    given: list[tuple[int, bool]] = []
    file = bare.layout.root / nats.USERS
    monkeypatch.setattr(os, "fchown", lambda _, __, group: given.append((group, file.exists())))
    make(bare)
    assert given == [(os.getgid(), False)]


def test_what_is_so_already_is_not_read_again(bare: Host, server: Streams) -> None:
    """One login says so."""
    make(bare)
    before = (bare.layout.root / nats.USERS).read_text()
    assert (make(bare), server.reloads) == ([], 1)
    assert (bare.layout.root / nats.USERS).read_text() == before


def test_another_password_and_other_users_are_put_right(bare: Host, server: Streams) -> None:
    """Whoever was added by hand is out again; the administrator's digest stays as it was."""
    make(bare)
    kept = server.users["vpsdeploy"]
    file = bare.layout.root / nats.USERS
    more = f'{{user: "other", password: "{bcrypt.digest("x")}"}}\n  ]'
    file.write_text(file.read_text().replace(server.users["shop"], bcrypt.digest("y")).replace("]", more))
    server.reload()
    assert make(bare) == ["user shop"]
    assert server.users.keys() == {"vpsdeploy", "shop"}
    assert server.users["vpsdeploy"] == kept
    assert server.lets_in("shop", PASSWORD)


def test_a_server_that_has_not_read_its_users_reads_them(bare: Host, server: Streams) -> None:
    """The file is right, the server's memory is not."""
    make(bare)
    server.users = {}
    assert (make(bare), server.reloads) == (["user shop"], 2)


def test_what_waits_for_a_restart_keeps_users_from_being_read(bare: Host, server: Streams) -> None:
    """The server would refuse all of its configuration; the login that there is goes on, wherever it listens."""
    make(bare)
    describe(bare, server, memory_store=200, address="10.0.0.5")
    assert make(bare) == []
    failed = bare.call("service", service="nats", password=PASSWORD + "-new")
    assert failed["what"] == "nats takes a user only with a restart"
    assert "(address, max_memory_store)" in failed["why"]
    assert failed["next"].startswith(f"systemctl restart {UNIT} on the host")
    assert server.reloads == 1
    server.reload()
    assert server.lets_in("shop", PASSWORD + "-new")


def test_a_server_that_lets_nobody_in_is_an_error(
    bare: Host, server: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, with what to look at."""
    monkeypatch.setattr(nats, "_START_SECONDS", 0.05)
    monkeypatch.setattr(server, "lets_in", lambda *_: False)
    failed = bare.call("service", service="nats", password=PASSWORD)
    assert (failed["kind"], failed["what"]) == ("HostNotReady", "nats does not let the app in")
    assert failed["next"] == f"journalctl -u {UNIT}"


def test_its_health_is_what_it_says(bare: Host, server: Streams) -> None:
    """Streams are the app's data; what it takes only when it starts waits."""
    server.add("MAILS", 3)
    (told,) = bare.call("services")["services"]
    assert (told["running"], told["version"], told["connections"]) == (True, "2.10.27", 2)
    assert (told["data_bytes"], told["waits"]) == (305, [])
    describe(bare, server, memory_store=200, file_store=2000, address="10.0.0.5", certificate="/x.crt")
    waits = bare.call("services")["services"][0]["waits"]
    assert waits == ["address", "tls", "max_memory_store", "max_file_store"]


def test_a_server_that_is_down_is_told(bare: Host, server: Streams) -> None:
    """By status."""
    describe(bare, server, monitoring=1)
    (told,) = bare.call("services")["services"]
    assert not told["running"]
    assert "nats-server.service is inactive (dead): " in told["why"]


def test_a_subject_that_nobody_answers_is_refused_at_once(server: Streams) -> None:
    """And a wrong password in the server's own words."""
    server.file = None
    connection = Connection("127.0.0.1", server.port, "shop", PASSWORD)
    with pytest.raises(Refused, match="nobody: 503"):
        connection.ask("nobody")
    with pytest.raises(Refused, match=r"refused: STREAM\.DELETE\.NONE"):
        connection.asked("STREAM.DELETE.NONE")
    connection.close()
    server.file = Path(os.devnull)
    with pytest.raises(Refused, match="Authorization Violation"):
        Connection("127.0.0.1", server.port, "shop", "wrong")


@pytest.mark.parametrize("kept", ["", "$2b$04$", "x" * 60, "plain"])
def test_a_digest_that_is_none_fits_nobody(kept: str) -> None:
    """Whatever stands in the file."""
    assert not bcrypt.fits(kept, PASSWORD)
    assert bcrypt.fits(bcrypt.digest(PASSWORD), PASSWORD)
    assert not bcrypt.fits(bcrypt.digest(PASSWORD), PASSWORD + "x")
