"""Redis: the app's user, its limits and health, over the server's own protocol on its socket."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import json
import os
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.agent import redis
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
UNIT = "redis-server.service"
SETTINGS = {
    "service": "redis", "app": "shop", "version": "8.0", "user": "shop", "port": 6379, "tls-port": 0, "connections": 0,
    "address": "127.0.0.1", "maxmemory": 1000, "unit": UNIT, "certificate": "",
}  # fmt: skip


class Server:
    """A server that keeps its users as digests, as the real one does, and reads its file when it starts."""

    def __init__(self, users: Path) -> None:
        self.file = users
        self.users: dict[str, str] = {}
        self.settings = {"maxmemory": "1000", "port": "6379", "tls-port": "0"}
        self.asked: list[list[str]] = []
        self.starts = 0

    def start(self) -> None:
        """Read the users."""
        self.starts += 1
        lines = (line.split() for line in self.file.read_text().splitlines() if line.startswith("user "))
        self.users = {words[1]: words[3] for words in lines}

    def answer(self, words: list[str], who: str) -> str:
        """One answer, as it goes over the wire."""
        self.asked.append(words)
        if words[0] == "AUTH":
            fits = self.users.get(words[1]) == "#" + hashlib.sha256(words[2].encode()).hexdigest()
            return "+OK\r\n" if fits else "-WRONGPASS invalid username-password pair\r\n"
        if words[:2] == ["ACL", "SETUSER"] and who == redis.ADMIN:
            self.users[words[2]] = next(word for word in words if word.startswith("#"))
        if words[:2] == ["CONFIG", "SET"]:
            self.settings[words[2]] = words[3]
        if words[:2] == ["CONFIG", "GET"]:
            value = self.settings[words[2]]
            return f"*2\r\n${len(words[2])}\r\n{words[2]}\r\n${len(value)}\r\n{value}\r\n"
        if words[0] == "INFO":
            text = "# Server\r\nredis_version:8.0.2\r\nused_memory:900\r\n"
            return f"${len(text)}\r\n{text}\r\n"
        if words == ["CLIENT", "LIST"]:
            text = "id=1 name= user=vpsdeploy\nid=2 name= user=shop\nid=3 name= user=shop\n"
            return f"${len(text)}\r\n{text}\r\n"
        return "+OK\r\n"


class _Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Command after command."""
        server: Server = self.server.of  # type: ignore[attr-defined]  # socketserver knows no such field; the fixture sets it
        who = ""
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2].decode())
            said = server.answer(words, who)
            who = words[1] if words[0] == "AUTH" and said.startswith("+") else who
            self.wfile.write(said.encode())


@pytest.fixture(name="server")
def _server(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A socket has a short path only."""
    short = Path(tempfile.mkdtemp(prefix="redis-"))
    (bare.layout.root / "run/redis").parent.mkdir(parents=True, exist_ok=True)
    (bare.layout.root / "run/redis").symlink_to(short)
    users = bare.layout.root / redis.USERS
    users.parent.mkdir(parents=True)
    users.write_text("")
    bare.layout.services.mkdir(parents=True)
    (bare.layout.services / "redis.json").write_text(json.dumps(SETTINGS))
    monkeypatch.setattr(grp, "getgrnam", lambda _: SimpleNamespace(gr_gid=os.getgid()))
    made = Server(users)
    with socketserver.ThreadingUnixStreamServer(str(short / "redis-server.sock"), _Handler) as listening:
        listening.of = made  # type: ignore[attr-defined]  # handlers find it there
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        told = bare.systemd.__class__.__call__

        def restarting(self: Any, arguments: Any) -> Any:
            if list(arguments) == ["systemctl", "restart", UNIT]:
                made.start()
            return told(self, arguments)

        monkeypatch.setattr(bare.systemd.__class__, "__call__", restarting)
        yield made
        listening.shutdown()
    with contextlib.suppress(OSError):
        shutil.rmtree(short)


def make(host: Host, password: str = PASSWORD) -> dict[str, Any]:
    """Ask for the app's login."""
    return host.call("service", service="redis", password=password)


def admin(host: Host) -> str:
    """The administrator's password, as backups find it."""
    lines = (host.layout.services / "redis.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)["REDISCLI_AUTH"]


def test_the_first_time_administrator_and_user_are_made(bare: Host, server: Server) -> None:
    """The server is started with them; the administrator's password is root's alone."""
    assert make(bare)["changed"] == ["user shop"]
    assert (server.starts, sorted(server.users)) == (1, ["shop", "vpsdeploy"])
    file = bare.layout.services / "redis.env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(admin(bare)) == 43


def test_the_file_of_users_has_digests_only(bare: Host, server: Server) -> None:
    """Neither the app's password nor the administrator's is in it, nor in any argument."""
    make(bare)
    text = (bare.layout.root / redis.USERS).read_text()
    assert PASSWORD not in text
    assert admin(bare) not in text
    assert PASSWORD not in json.dumps(bare.systemd.told)
    assert "+@all -@admin" in text


def test_what_is_so_already_changes_nothing(bare: Host, server: Server) -> None:
    """No restart, no command that changes."""
    make(bare)
    server.asked.clear()
    assert make(bare)["changed"] == []
    assert server.starts == 1
    assert {words[0] for words in server.asked} <= {"AUTH", "PING", "CLIENT", "CONFIG"}
    assert ["CONFIG", "SET"] not in [words[:2] for words in server.asked]


def test_another_password_is_set_while_it_runs(bare: Host, server: Server) -> None:
    """Open connections of the app stay; so is it where somebody changed it on the host."""
    make(bare)
    assert make(bare, PASSWORD[::-1])["changed"] == ["user shop"]
    server.users["shop"] = "#0"
    assert make(bare, PASSWORD[::-1])["changed"] == ["user shop"]
    assert server.starts == 1
    assert server.users["shop"] == "#" + hashlib.sha256(PASSWORD[::-1].encode()).hexdigest()


def test_more_memory_needs_no_restart(bare: Host, server: Server) -> None:
    """Its role has written it down for the next start."""
    make(bare)
    (bare.layout.services / "redis.json").write_text(json.dumps({**SETTINGS, "maxmemory": 2000}))
    assert make(bare)["changed"] == ["memory"]
    assert (server.settings["maxmemory"], server.starts) == ("2000", 1)


def test_health_is_the_server_s_own_word(bare: Host, server: Server) -> None:
    """The app's connections, not ours; a port that is to be another waits for a restart."""
    make(bare)
    (found,) = bare.call("services")["services"]
    assert (found["version"], found["connections"], found["data_bytes"], found["waits"]) == (
        "8.0.2",
        2,
        900,
        [],
    )
    (bare.layout.services / "redis.json").write_text(json.dumps({**SETTINGS, "port": 0, "tls-port": 6379}))
    assert bare.call("services")["services"][0]["waits"] == ["port", "tls-port"]


def test_a_server_that_is_down_is_told(bare: Host) -> None:
    """With its unit's state and where it was looked for."""
    bare.layout.services.mkdir(parents=True)
    (bare.layout.services / "redis.json").write_text(json.dumps(SETTINGS))
    (found,) = bare.call("services")["services"]
    assert found["running"] is False
    assert found["why"].startswith(f"{UNIT} is inactive (dead): nobody listens at /run/redis")
