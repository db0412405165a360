"""MariaDB: the app's accounts, its database and limits, as SQL on the client's standard input."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import mariadb, programs
from orchestrator.agent.answers import Answers
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.programs import Finished
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
from orchestrator.agent.verbs import console
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
SETTINGS = {
    "service": "mariadb", "app": "shop", "version": "11.8", "port": 3306, "database": "shop", "user": "shop",
    "connections": 120, "address": "10.0.0.5", "clients": ["10.0.0.5", "10.0.0.11"], "unit": "mariadb.service",
    "settings": {"max_connections": 140, "innodb_buffer_pool_size": 1 << 28}, "certificate": "",
}  # fmt: skip


def account(*, tls: bool, **differs: Any) -> dict[str, Any]:
    """As the server keeps it."""
    return {"kept": mariadb.kept(PASSWORD), "limit": "120", "tls": "1" if tls else None, **differs}


WHOLE = {
    "users": {"127.0.0.1": account(tls=False), "::1": account(tls=False), "10.0.0.5": account(tls=True),
              "10.0.0.11": account(tls=True)},
    "granted": json.dumps(["127.0.0.1", "::1", "10.0.0.5", "10.0.0.11"]),
    "database": 1, "settings": SETTINGS["settings"],
}  # fmt: skip


class Server:
    """A server that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = dict(WHOLE)
        self.asked: list[tuple[list[str], str]] = []
        self.broken = ""
        self.bind = "127.0.0.1,::1,10.0.0.5"

    def __call__(self, arguments: Sequence[str], text: str) -> Finished:
        """Stand in for the client."""
        self.asked.append((list(arguments), text))
        if self.broken:
            return Finished(1, "", self.broken)
        health = {"version": "11.8.6-MariaDB-0+deb13u1", "connections": 2, "data_bytes": 32768, "bind": self.bind,
                  "settings": self.state["settings"]}  # fmt: skip
        return Finished(0, json.dumps(health if "@@version" in text else self.state), "")

    @property
    def statements(self) -> str:
        """What changes something."""
        return "".join(text for _, text in self.asked if "JSON_OBJECT" not in text)


@pytest.fixture(name="server")
def _server(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(programs, "fed", made)
    bare.layout.services.mkdir(parents=True)
    (bare.layout.services / "mariadb.json").write_text(json.dumps(SETTINGS))
    return made


def make(host: Host) -> list[str]:
    """Ask for the app's login."""
    changed: list[str] = host.call("service", service="mariadb", password=PASSWORD)["changed"]
    return changed


def test_what_is_so_already_costs_one_question(bare: Host, server: Server) -> None:
    """Accounts, database and limits in one answer."""
    assert make(bare) == []
    assert len(server.asked) == 1


def test_the_first_time_everything_is_made(bare: Host, server: Server) -> None:
    """An account for each host that may connect: by TLS only, where it is another; nothing shows the password."""
    server.state = {"users": None, "granted": None, "database": 0, "settings": SETTINGS["settings"]}
    assert make(bare) == ["database shop", "user shop"]
    assert "CREATE DATABASE `shop` CHARACTER SET utf8mb4" in server.statements
    assert (
        f"'shop'@'10.0.0.11' IDENTIFIED VIA mysql_native_password USING '{mariadb.kept(PASSWORD)}' REQUIRE SSL"
        in (server.statements)
    )
    assert "'shop'@'127.0.0.1' IDENTIFIED" in server.statements
    assert server.statements.count("GRANT ALL PRIVILEGES ON `shop`.* TO") == 4
    assert PASSWORD not in json.dumps([server.asked, bare.systemd.told])
    assert not any("*" in word for words, _ in server.asked for word in words)


def test_an_account_lets_nobody_in_before_it_has_its_password_and_its_rights(
    bare: Host, server: Server
) -> None:
    """Wherever its making breaks off, the next time goes on with it."""
    server.state = {**WHOLE, "users": None, "granted": None}
    make(bare)
    of_one = [line for line in server.statements.splitlines() if "'shop'@'127.0.0.1'" in line]
    assert [line.split()[0] for line in of_one] == ["CREATE", "GRANT", "ALTER"]
    assert f"USING '{mariadb.kept(PASSWORD)}' ACCOUNT LOCK;" in of_one[0]
    assert of_one[2].endswith("ACCOUNT UNLOCK;")
    server.state = {**WHOLE, "users": {**WHOLE["users"], "127.0.0.1": account(tls=False, locked="1")}}  # type: ignore[dict-item]  # a dict
    assert make(bare) == ["user shop"]


def test_an_account_whose_rights_are_gone_gets_them_again(bare: Host, server: Server) -> None:
    """Somebody took them, or its making broke off before."""
    server.state = {**WHOLE, "granted": json.dumps(["127.0.0.1", "::1", "10.0.0.5"])}
    assert make(bare) == ["user shop"]
    assert "GRANT ALL PRIVILEGES ON `shop`.* TO 'shop'@'10.0.0.11';" in server.statements
    assert "127.0.0.1" not in server.statements


@pytest.mark.parametrize(
    ("differs", "told"),
    [
        (account(tls=True, kept="*0"), "REQUIRE SSL"),
        (account(tls=False), "REQUIRE SSL"),
        (account(tls=True, limit="60"), "MAX_USER_CONNECTIONS 120"),
    ],
)
def test_what_differs_is_mended(bare: Host, server: Server, differs: dict[str, Any], told: str) -> None:
    """Another password, an account that needs no TLS, other limits; other hosts' accounts are left alone."""
    server.state = {**WHOLE, "users": {**WHOLE["users"], "10.0.0.11": differs}}  # type: ignore[dict-item]  # a dict
    assert make(bare) == ["user shop"]
    assert told in server.statements
    assert "127.0.0.1" not in server.statements


def test_the_account_of_a_host_that_left_is_locked(bare: Host, server: Server) -> None:
    """Its address may be somebody else's tomorrow; views and triggers that were made from there go on working."""
    gone = {**WHOLE["users"], "10.0.0.99": account(tls=True)}  # type: ignore[dict-item]  # a dict
    server.state = {**WHOLE, "users": gone}
    assert make(bare) == ["user shop"]
    assert server.statements == "ALTER USER 'shop'@'10.0.0.99' ACCOUNT LOCK;\n"
    server.asked.clear()
    gone["10.0.0.99"] = account(tls=True, locked="1")
    assert make(bare) == []


def test_the_account_of_a_host_that_came_back_is_unlocked(bare: Host, server: Server) -> None:
    """With the password of today."""
    back = {**WHOLE["users"], "10.0.0.11": account(tls=True, locked="1")}  # type: ignore[dict-item]  # a dict
    server.state = {**WHOLE, "users": back}
    assert make(bare) == ["user shop"]
    assert "ACCOUNT UNLOCK" in server.statements


def test_a_grant_is_for_one_database(bare: Host, server: Server) -> None:
    """In GRANT an underscore would stand for any letter: my_shop's user would enter my-shop's, too."""
    assert mariadb.granted("my_shop") == "`my\\_shop`"


def test_limits_are_changed_while_it_runs(bare: Host, server: Server) -> None:
    """The role has written them down for the next start."""
    server.state = {**WHOLE, "settings": {"max_connections": 100, "innodb_buffer_pool_size": 1 << 28}}
    assert make(bare) == ["max_connections"]
    assert server.statements == "SET GLOBAL max_connections = 140;\n"


def test_health_is_the_server_s_own_word(bare: Host, server: Server) -> None:
    """An address that it does not listen on yet waits for a restart."""
    (found,) = bare.call("services")["services"]
    assert (found["version"], found["connections"], found["data_bytes"], found["waits"]) == (
        "11.8.6",
        2,
        32768,
        [],
    )
    server.bind = "127.0.0.1,::1"
    assert bare.call("services")["services"][0]["waits"] == ["bind_address"]


def test_an_error_does_not_quote_the_statement(bare: Host, server: Server) -> None:
    """It would have the digest of the password."""
    server.broken = "ERROR 1064 (42000) at line 3: You have an error near 'USING '*ABC''"
    failed = bare.call("service", service="mariadb", password=PASSWORD)
    assert (failed["kind"], failed["why"]) == (
        "HostNotReady",
        "ERROR 1064 (42000) at line 3: You have an error",
    )


def test_a_console_can_read_whom_to_trust(bare: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs as nobody, and the server's own certificate is in a directory of the server's."""
    seen = list[tuple[str, int]]()

    def joined(_: str, __: list[str], command: list[str], **___: object) -> int:
        file = Path(next(word.partition("=")[2] for word in command if word.startswith("--ssl-ca=")))
        assert file.parent == bare.layout.run
        seen.append((file.read_text(), stat.S_IMODE(file.stat().st_mode)))
        return 0

    place = bare.layout.root / "etc/mysql/tls/10.0.0.5.crt"
    place.parent.mkdir(parents=True)
    place.write_text("-----BEGIN CERTIFICATE-----")
    bare.layout.services.mkdir(parents=True)
    settings = {**SETTINGS, "certificate": "/etc/mysql/tls/10.0.0.5.crt"}
    (bare.layout.services / "mariadb.json").write_text(json.dumps(settings))
    monkeypatch.setattr(console, "run_joined", joined)
    request = Request({"protocol": 1, "app": "shop", "service": "mariadb", "password": PASSWORD})
    call = Call(bare.layout, Systemd(bare.systemd), request, Answers(1), Body(io.BytesIO()))
    assert console.console(call) == 0
    assert seen == [("-----BEGIN CERTIFICATE-----", 0o644)]
    assert list(bare.layout.run.iterdir()) == []
