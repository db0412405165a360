"""service, services, trust: the app's login on PostgreSQL, how it is, and whose certificates are believed."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.agent import postgresql, programs
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
UNIT = "postgresql@17-main.service"
SETTINGS = {
    "service": "postgresql", "app": "shop", "version": "17", "port": 5432, "database": "shop", "user": "shop",
    "connections": 120, "unit": UNIT, "certificate": "/var/lib/postgresql/vpsdeploy-tls/10.0.0.5.crt",
}  # fmt: skip
BARE = {
    "password": None,
    "user": None,
    "owner": None,
    "others": 0,
    "checksums": "on",
    "major": 17,
    "refused": None,
}


class Server:
    """A database server that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = dict(BARE)
        self.asked: list[tuple[list[str], str]] = []
        self.broken = ""

    def __call__(self, arguments: Sequence[str], text: str) -> Finished:
        """Stand in for psql."""
        self.asked.append((list(arguments), text))
        if self.broken:
            return Finished(2, "", self.broken)
        health = {"version": "17.7 (Debian)", "connections": 3, "data_bytes": 8_000_000, "waits": []}
        answer = health | {"major": self.state["major"]} if "data_bytes" in text else self.state
        return Finished(0, json.dumps(answer) if "json_build_object" in text else "", "")

    @property
    def statements(self) -> str:
        """What changes something."""
        return "".join(text for _, text in self.asked if "json_build_object" not in text)


@pytest.fixture(name="server")
def _server(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(programs, "fed", made)
    bare.layout.services.mkdir(parents=True)
    (bare.layout.services / "postgresql.json").write_text(json.dumps(SETTINGS))
    return made


def make(host: Host) -> dict[str, Any]:
    """Ask for the app's login."""
    return host.call("service", service="postgresql", password=PASSWORD)


def test_the_first_time_user_and_database_are_made(bare: Host, server: Server) -> None:
    """The user has no power beyond its database, which nobody else may enter."""
    assert make(bare)["changed"] == ["user shop", "database shop"]
    assert 'CREATE ROLE "shop" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE' in server.statements
    assert "CONNECTION LIMIT 120" in server.statements
    assert 'CREATE DATABASE "shop" OWNER "shop" TEMPLATE template0' in server.statements
    assert 'REVOKE ALL ON DATABASE "shop" FROM PUBLIC' in server.statements
    assert (bare.layout.service_marks / "postgresql").exists()


def test_nothing_shows_the_password(bare: Host, server: Server) -> None:
    """The server is told what it keeps of it, on its standard input; no argument has even that."""
    answer = make(bare)
    assert PASSWORD not in json.dumps([answer, server.asked, bare.systemd.told])
    assert "SCRAM-SHA-256$4096:" in server.statements
    assert not any("SCRAM" in word for words, _ in server.asked for word in words)
    assert "SET log_min_duration_statement = -1" in server.statements


def test_what_is_so_already_costs_one_question(bare: Host, server: Server) -> None:
    """The kept verifier tells whether it is this password."""
    kept = postgresql.verifier(PASSWORD, b"0123456789abcdef")
    server.state |= {"password": kept, "user": 120, "owner": "shop", "others": 1}
    assert make(bare)["changed"] == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"password": postgresql.verifier("another" * 4, b"0123456789abcdef")}, "password of shop"),
        ({"password": "md5abc"}, "password of shop"),
        ({"user": 60}, "connections of shop"),
    ],
)
def test_what_differs_is_mended(bare: Host, server: Server, differs: dict[str, Any], said: str) -> None:
    """And only that; nothing is made again."""
    kept = postgresql.verifier(PASSWORD, b"0123456789abcdef")
    server.state |= {"password": kept, "user": 120, "owner": "shop", "others": 1} | differs
    assert make(bare)["changed"] == [said]
    assert 'ALTER ROLE "shop"' in server.statements
    assert "CREATE " not in server.statements


def test_a_verifier_is_the_one_of_the_standard() -> None:
    """The example of RFC 7677, section 3: with our server key the server signs as it does there."""
    kept = postgresql.verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    server_key = base64.b64decode(kept.rpartition(":")[2])
    nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = f"n=user,r=rOprNGfwEbeRWgbNEkqO,{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,{nonce}"
    signature = hmac.digest(server_key, said.encode(), "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert [postgresql.fits(kept, word) for word in ("pencil", "pencils")] == [True, False]
    assert not postgresql.fits(None, "pencil")


def test_checksums_come_before_the_first_byte_of_data(bare: Host, server: Server) -> None:
    """Only into an empty server: with data it would take as long as a copy of them."""
    server.state |= {"checksums": "off"}
    assert make(bare)["changed"] == ["user shop", "database shop", "checksums"]
    programs_run = [" ".join(words) for words in bare.systemd.told]
    order = [
        next(n for n, line in enumerate(programs_run) if part in line)
        for part in ("stop", "pg_checksums", "start")
    ]
    assert order == sorted(order)
    bare.systemd.told.clear()
    server.state |= {"others": 1}
    assert "checksums" not in make(bare)["changed"]
    assert not any("pg_checksums" in " ".join(words) for words in bare.systemd.told)


def test_a_database_of_somebody_else_is_left_alone(bare: Host, server: Server) -> None:
    """And the error says whose it is."""
    server.state |= {"owner": "bob"}
    failed = make(bare)
    assert (failed["kind"], failed["why"]) == ("HostNotReady", "it belongs to bob")
    assert server.statements == ""


def test_a_server_of_another_version_is_not_the_app_s(bare: Host, server: Server) -> None:
    """After an upgrade of Debian itself an empty one may answer: no database is made in it, and it is no health."""
    server.state["major"] = 18
    failed = make(bare)
    assert failed["why"] == "it is 18, and the app's data are in 17"
    assert "docs/runbooks/database-upgrade.md" in failed["next"]
    assert server.statements == ""
    (found,) = bare.call("services")["services"]
    assert (found["running"], found["version"]) == (False, "")
    assert found["why"].endswith("it is 18, and the app's data are in 17")


def test_rules_that_the_server_refuses_are_told(bare: Host, server: Server) -> None:
    """It would go on with the old ones, silently."""
    server.state |= {"refused": ["invalid IP mask"]}
    assert make(bare)["why"] == "invalid IP mask"


def test_a_server_that_is_down_is_told_in_its_own_words(bare: Host, server: Server) -> None:
    """Without the statement, which an error of psql quotes."""
    server.broken = "psql: error: connection failed: No such file\nLINE 1: SELECT 'secret'\n        ^\n"
    failed = make(bare)
    assert failed["why"] == "psql: error: connection failed: No such file"
    (found,) = bare.call("services")["services"]
    assert (found["running"], found["connections"]) == (False, None)
    assert found["why"].startswith(f"{UNIT} is inactive (dead): psql: error")


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        ({"service": "other", "password": PASSWORD}, "the host carries no other for the app"),
        ({"service": "postgresql", "password": "short"}, "the password cannot be used"),
        ({"service": "postgresql", "password": "x" * 20 + "\n"}, "the password cannot be used"),
        ({"service": "postgresql"}, "the request is wrong"),
    ],
)
def test_what_cannot_be_is_refused(bare: Host, server: Server, request_: dict[str, Any], what: str) -> None:
    """Before the server is asked anything."""
    assert bare.call("service", **request_)["what"] == what
    assert server.asked == []


def test_another_app_s_service_is_not_this_one_s(bare: Host, server: Server) -> None:
    """Nor is its health."""
    other = {**SETTINGS, "app": "blog"}
    (bare.layout.services / "postgresql.json").write_text(json.dumps(other))
    assert make(bare)["kind"] == "HostNotReady"
    assert bare.call("services")["services"] == []


def test_health_is_the_server_s_own_word(bare: Host, server: Server) -> None:
    """With what systemd counts, and the certificate for hosts elsewhere."""
    bare.systemd.running.add(UNIT)
    file = bare.layout.root / str(SETTINGS["certificate"]).lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    (found,) = bare.call("services")["services"]
    assert found == {
        "service": "postgresql", "running": True, "version": "17.7", "connections": 3, "connections_max": 120,
        "data_bytes": 8_000_000, "memory_bytes": None, "waits": [], "why": "",
        "certificate": "-----BEGIN CERTIFICATE-----\n",
    }  # fmt: skip


def test_certificates_are_kept_where_the_app_can_read_them(bare: Host) -> None:
    """Never a key among them."""
    text = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
    assert bare.call("trust", certificates=text)["changed"] is True
    assert bare.call("trust", certificates=text)["changed"] is False
    file = bare.layout.trust / "shop.pem"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (text, 0o644)
    key = text + "-----BEGIN PRIVATE KEY-----\n"
    assert bare.call("trust", certificates=key)["what"] == "the certificates cannot be used"
    assert file.read_text() == text
