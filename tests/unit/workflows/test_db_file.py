"""The app's database as a file: whole or not there, for its owner alone, and never into a database in use unasked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.app import AppConfig
from orchestrator.errors import BackupFailed, InternalError, UsageError
from orchestrator.report import db_file as report
from orchestrator.report import envelope
from orchestrator.report.reporter import Console
from orchestrator.transport import blocks
from orchestrator.workflows import db_file
from tests.support import shapes
from tests.support.fleet import APP, FakeFleet, stage

CONFIG = AppConfig(app=APP)
ONE, TWO = stage("web-1"), stage("web-1", "web-2")
TOLD = Console(verbose=False)


@pytest.fixture(name="hosts")
def _hosts() -> FakeFleet:
    return FakeFleet(ONE)


def shaped(kind: str, fields: dict[str, Any]) -> list[str]:
    """Where fields differ from docs/json.md."""
    return shapes.differences(shapes.examples()[kind], json.loads(envelope.result_line(kind, fields)))


def test_a_dump_is_the_host_s_own(hosts: FakeFleet, tmp_path: Path) -> None:
    """Byte for byte, and nobody else's to read."""
    file = tmp_path / "shop.dump"
    name, size = db_file.dump(CONFIG, ONE, "", file, TOLD, lambda *_: hosts)
    assert (name, file.read_bytes()) == ("web-1", hosts.hosts["web-1"].database)
    assert (size, file.stat().st_mode & 0o777) == (400_005, 0o600)
    assert shaped("db_dumped", report.dumped_fields("production", name, file, size)) == []


def test_one_that_breaks_off_leaves_no_file(hosts: FakeFleet, tmp_path: Path) -> None:
    """Nor one that is there is touched."""

    def fail(_host: str, verb: str) -> None:
        if verb == "db-dump":
            raise BackupFailed("the dump is damaged")

    hosts.fail = fail
    with pytest.raises(BackupFailed) as failed:
        db_file.dump(CONFIG, ONE, "", tmp_path / "x", TOLD, lambda *_: hosts)
    assert failed.value.state.endswith("x was not written")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").write_text("mine")
    for file in (tmp_path / "there", tmp_path / "nowhere" / "x"):
        with pytest.raises(UsageError):
            db_file.dump(CONFIG, ONE, "", file, TOLD, lambda *_: hosts)
    assert (tmp_path / "there").read_text() == "mine"


def test_a_load_goes_to_the_host(hosts: FakeFleet, tmp_path: Path) -> None:
    """Into a database in use only with force."""
    file = tmp_path / "shop.dump"
    file.write_bytes(b"PGDMP" + b"other" * 100_000)
    wish: dict[str, Any] = {"into": "", "force": False}
    with pytest.raises(UsageError):
        db_file.load(CONFIG, ONE, "", file, wish, TOLD, lambda *_: hosts)
    name, answer = db_file.load(CONFIG, ONE, "", file, {**wish, "force": True}, TOLD, lambda *_: hosts)
    assert hosts.hosts["web-1"].database == file.read_bytes()
    assert shaped("db_loaded", report.loaded_fields("production", name, answer)) == []
    assert "kept: shop as it was before" in report.loaded_text(name, answer)


def test_what_is_no_dump_is_refused_here(hosts: FakeFleet, tmp_path: Path) -> None:
    """Before any host is reached."""
    file = tmp_path / "x.sql"
    file.write_text("CREATE TABLE x ();")
    for one in (file, tmp_path / "none"):
        with pytest.raises(UsageError) as refused:
            db_file.load(CONFIG, ONE, "", one, {}, TOLD, lambda *_: hosts)
        assert refused.value.state == "nothing was touched"
    assert hosts.calls == []


def test_one_of_several_hosts_is_named(tmp_path: Path) -> None:
    """A database is on one of them."""
    for host in ("", "web-9"):
        with pytest.raises(UsageError) as refused:
            db_file.dump(CONFIG, TWO, host, tmp_path / "x", TOLD, lambda *_: FakeFleet(TWO))
        assert refused.value.why == "production has web-1, web-2"


def test_a_body_without_its_last_block_is_none() -> None:
    """Wherever it was cut."""
    whole = b"".join(blocks.body([b"a" * 1000, bytes(range(256)) * 2000]))
    assert b"".join(blocks.content([whole])) == b"a" * 1000 + bytes(range(256)) * 2000
    with pytest.raises(InternalError):
        list(blocks.content([whole[:-1]]))


def with_services(*names: str) -> AppConfig:
    """An app with these databases, which have names of their own."""
    return AppConfig.model_validate(
        {"app": APP, "services": {name: {"database": f"shop_{name}"} for name in names}}
    )


@pytest.mark.parametrize(
    "head",
    [
        b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19",
        b"-- MySQL dump 10.13  Distrib 8.0.36",
    ],
)
def test_the_file_says_which_database_it_is_for(
    hosts: FakeFleet, tmp_path: Path, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app without that kind is told so before any host is reached."""
    file = tmp_path / "shop.sql"
    file.write_bytes(head)
    wish: dict[str, Any] = {"into": "", "force": True}
    asked = list[dict[str, Any]]()
    host = hosts.hosts["web-1"]
    loaded = host.db_load

    def load(request: dict[str, Any], body: bytes) -> dict[str, Any]:
        asked.append(request)
        return loaded(request, body)

    monkeypatch.setattr(host, "db_load", load)
    both = with_services("postgresql", "mariadb")
    assert db_file.load(both, ONE, "", file, wish, TOLD, lambda *_: hosts)[0] == "web-1"
    assert asked[0]["service"] == "mariadb"
    hosts.calls.clear()
    with pytest.raises(UsageError) as refused:
        db_file.load(with_services("postgresql"), ONE, "", file, wish, TOLD, lambda *_: hosts)
    assert (str(refused.value.what), hosts.calls) == ("the app has no mariadb", [])


def test_mongodb_is_dumped_and_not_loaded(hosts: FakeFleet, tmp_path: Path) -> None:
    """No load of it could be tried: it is refused before any host is reached, with where the command is."""
    db_file.dump(with_services("mongodb"), ONE, "", tmp_path / "y", TOLD, lambda *_: hosts)
    hosts.calls.clear()
    file, wish = tmp_path / "shop.gz", {"into": "", "force": True}
    file.write_bytes(b"\x1f\x8b\x08rest")
    with pytest.raises(UsageError) as refused:
        db_file.load(with_services("mongodb"), ONE, "", file, wish, TOLD, lambda *_: hosts)
    assert refused.value.next == "docs/mongodb.md has the command, for web-1"
    with pytest.raises(UsageError, match="is no dump of a database"):
        db_file.load(with_services("postgresql"), ONE, "", file, wish, TOLD, lambda *_: hosts)
    assert hosts.calls == []


def test_one_of_two_databases_is_named(hosts: FakeFleet, tmp_path: Path) -> None:
    """Else nothing is dumped."""
    both = with_services("postgresql", "mariadb")
    for kind in ("", "mysql"):
        with pytest.raises(UsageError) as refused:
            db_file.dump(both, ONE, "", tmp_path / "x", TOLD, lambda *_: hosts, kind)
        assert refused.value.next == "--service postgresql"
    db_file.dump(both, ONE, "", tmp_path / "x", TOLD, lambda *_: hosts, "mariadb")
    db_file.dump(with_services("mariadb"), ONE, "", tmp_path / "y", TOLD, lambda *_: hosts)
