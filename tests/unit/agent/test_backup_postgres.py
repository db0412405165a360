"""What of a dump of PostgreSQL's a guest carries out, what is made before, and whose everything is afterwards."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestrator.agent.answers import Answers
from orchestrator.agent.backup import postgres_guest, postgres_load, restore_database
from orchestrator.agent.backup.postgres import Cluster
from orchestrator.agent.backup.services import Dumped
from orchestrator.agent.body import Body
from orchestrator.agent.call import Call
from orchestrator.agent.failures import BackupFailed
from orchestrator.agent.programs import Finished
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd
from tests.unit.agent.conftest import Host

LIST = """\
;
; Archive created at 2026-11-26 08:00:00 UTC
;
7; 2615 16450 SCHEMA - ext shop
2; 3079 16451 EXTENSION - pgcrypto 
4221; 0 0 COMMENT - EXTENSION pgcrypto 
3; 3079 16390 EXTENSION - uuid-ossp 
222; 1259 16500 TABLE public users shop
4215; 0 16500 TABLE DATA public users shop
4230; 6104 16600 PUBLICATION - all_of_it shop
4231; 6106 16601 PUBLICATION TABLE public all_of_it users shop
4232; 3466 16602 EVENT TRIGGER - watch postgres
4233; 0 0 COMMENT - EVENT TRIGGER watch postgres
2087; 826 16603 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES shop
"""  # noqa: W291 - as pg_restore prints those that are nobody's
MADE = """\
SET row_security = off;
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA ext;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
"""


class Server:
    """pg_restore and psql, answered from memory; what they were told."""

    def __init__(self, made: str = MADE) -> None:
        self.made, self.said, self.written = made, list[tuple[str, str]](), list[str]()
        self.answers: dict[str, str] = {}
        self.guest, self.left = False, ""

    def __call__(self, words: Sequence[str]) -> Finished:
        """Stand in for both."""
        if "pg_restore" in words:
            if "--list" in words:
                return Finished(0, LIST, "")
            self.written.append(Path(words[4]).read_text())
            return Finished(0, self.made, "")
        statement, database = words[-1], words[words.index("-d") + 1]
        self.said.append((database, statement))
        if "SELECT 'role', rolname FROM pg_roles" in statement:
            self.guest = self.guest and bool(self.left)  # nothing else is its own: the same call drops it
            return Finished(0, f"t\nrole\x1fvpsdeploy_guest\n{self.left}" if self.guest else "", "")
        if self.guest and "CREATE ROLE" in statement:
            return Finished(1, "", 'ERROR:  role "vpsdeploy_guest" already exists\n')
        self.guest = (self.guest or "CREATE ROLE" in statement) and "DROP ROLE" not in statement
        return Finished(0, next((told for part, told in self.answers.items() if part in statement), ""), "")

    def did(self, part: str) -> list[tuple[str, str]]:
        """What of it was told."""
        return [one for one in self.said if part in one[1]]


@pytest.fixture(name="server")
def _server() -> Server:
    return Server()


@pytest.fixture(name="call")
def _call(bare: Host, server: Server) -> Call:
    bare.layout.services.mkdir(parents=True)
    told = {"service": "postgresql", "app": "shop", "database": "shop", "user": "shop", "port": 5432}
    (bare.layout.services / "postgresql.json").write_text(json.dumps(told))
    return Call(bare.layout, Systemd(server), Request({"app": "shop"}), Answers(1), Body(io.BytesIO()))


def test_what_only_a_superuser_may_make_is_made_before_or_left_out_and_told(
    call: Call, tmp_path: Path
) -> None:
    """Extensions come first, each into its schema; what is left out has a name."""
    found = postgres_load.contents(call, tmp_path / "dump", tmp_path / "lines")
    assert [line.partition(" ")[2].split(" ", 2)[2] for line in found.wanted] == [
        "TABLE public users shop", "TABLE DATA public users shop",
    ]  # fmt: skip
    assert found.extensions == [("pgcrypto", "ext"), ("uuid-ossp", "public")]
    assert found.left_out == [
        "PUBLICATION all_of_it", "PUBLICATION TABLE public all_of_it users", "EVENT TRIGGER watch",
        "DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES",
    ]  # fmt: skip


def test_what_is_called_an_extension_and_is_another_statement_is_refused(
    call: Call, server: Server, tmp_path: Path
) -> None:
    """It would have been root who carries it out."""
    server.made = MADE.replace("pgcrypto WITH SCHEMA ext", "pgcrypto WITH SCHEMA ext CASCADE")
    with pytest.raises(BackupFailed, match="extensions cannot be read"):
        postgres_load.contents(call, tmp_path / "dump", tmp_path / "lines")


def _loaded(call: Call, tmp_path: Path) -> None:
    cluster = Cluster(call, 5432)
    with postgres_guest.guest(cluster) as me:
        postgres_load.load(cluster, me, "scratch", tmp_path / "dump", ["shop"])


def test_an_extension_that_not_everybody_may_have_needs_the_administrator_s_word(
    call: Call, server: Server, tmp_path: Path
) -> None:
    """That it is in the app's database already."""
    with pytest.raises(BackupFailed, match="needs the extension pgcrypto"):
        _loaded(call, tmp_path)
    assert not server.did("CREATE EXTENSION")
    server.answers = {"FROM pg_extension WHERE extname": "1\n", "FROM pg_database WHERE datname": "1\n"}
    server.answers["nspname = 'public'"] = "1\n"
    _loaded(call, tmp_path)
    assert [database for database, _ in server.did("CREATE EXTENSION")] == ["scratch"] * 2
    assert server.did("CREATE SCHEMA") == [("scratch", 'CREATE SCHEMA "ext" AUTHORIZATION "vpsdeploy_guest"')]
    assert "EXTENSION" not in server.written[-1]
    assert not (tmp_path / "dump.list").exists()


def test_a_guest_is_no_superuser_and_gone_afterwards_with_all_that_is_its_own(
    call: Call, server: Server
) -> None:
    """Its password is no argument of a program; one that was left is removed before the next one comes."""
    server.guest = True
    server.left = "owned\x1fshop_restored_1\ntouched\x1fshop_restored_1\ntouched\x1fshop\n"
    with postgres_guest.guest(Cluster(call, 5432)) as me:
        access = call.layout.run / "vpsdeploy_guest"
        password = access.read_text()
        assert (access.stat().st_mode & 0o777, str(access) in me.who, password in me.who) == (
            0o600,
            True,
            False,
        )
    assert not access.exists()
    refused, role = server.did("CREATE ROLE")
    assert role == refused
    assert role[1].startswith("SET log_min_error_statement = panic; ")
    assert " NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION " in role[1]
    assert password not in "".join(statement for _, statement in server.said)
    gone = [
        ("postgres", 'DROP DATABASE IF EXISTS "shop_restored_1" WITH (FORCE)'),
        ("shop", 'DROP OWNED BY "vpsdeploy_guest"'),
        ("postgres", 'DROP OWNED BY "vpsdeploy_guest"; DROP ROLE "vpsdeploy_guest"'),
    ]
    assert [one for one in server.did("DROP ") if not one[1].startswith("SELECT")] == gone * 2


def test_a_guest_that_reads_is_made_by_one_call_and_gone_by_another(call: Call, server: Server) -> None:
    """Each call is a login of its own, which an app feels."""
    with postgres_guest.guest(Cluster(call, 5432), reads="shop"):
        ((_, made),) = server.said
        assert made.endswith(
            '; GRANT pg_read_all_data TO "vpsdeploy_guest"; GRANT CONNECT ON DATABASE "shop" TO "vpsdeploy_guest"'
        )
    (_, (_, gone)) = server.said
    assert 'DROP OWNED BY "vpsdeploy_guest"; DROP ROLE "vpsdeploy_guest"' in gone


def test_why_a_guest_cannot_be_made_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason: a second try is no end of it."""
    full = Finished(1, "", "FATAL:  sorry, too many clients already\n")
    monkeypatch.setattr(call.systemd, "program", lambda *_, **__: full)
    with (
        pytest.raises(BackupFailed, match="PostgreSQL refused") as failed,
        postgres_guest.guest(Cluster(call, 5432)),
    ):
        pytest.fail("there is none")
    assert "too many clients" in failed.value.why


def test_a_host_that_was_provisioned_before_there_were_guests_says_what_to_do(call: Call) -> None:
    """Its rules let none in."""
    why = 'no pg_hba.conf entry for host "127.0.0.1", user "vpsdeploy_guest"'
    with pytest.raises(BackupFailed) as failed, postgres_guest.guest(Cluster(call, 5432)):
        raise BackupFailed("PostgreSQL refused", why=why)
    assert failed.value.next == "vpsdeploy provision host"


@pytest.mark.parametrize(
    ("super_", "owner"), [(lambda name: False, "alice"), (lambda name: name == "alice", "shop")]
)
def test_what_is_restored_never_belongs_to_a_superuser(
    call: Call, server: Server, monkeypatch: pytest.MonkeyPatch, super_: Callable[[str], bool], owner: str
) -> None:
    """Whatever the backup says: functions in it would be carried out as one."""
    monkeypatch.setattr(restore_database, "owner", lambda *_: "alice")
    server.answers = {"rolname = 'alice'": "t\n" if super_("alice") else "f\n", "rolname = 'shop'": "f\n"}
    dumped = Dumped("postgresql", "shop", "x", 1, "", 0.0, {}, {"owner": "postgres"})
    assert restore_database.receiver(call, Cluster(call, 5432), dumped, "shop") == owner
