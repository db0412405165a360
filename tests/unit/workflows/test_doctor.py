"""vpsdeploy doctor: every part is looked at, however broken the one before it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.main import command_line
from orchestrator.facts.host import HostFacts, MigrationFacts
from orchestrator.model.diagnosis import Diagnosis, Level, error, ok, warning
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.integrity import Integrity
from orchestrator.model.maintenance import Maintenance
from orchestrator.model.patch import HostUpdates, Upgrade
from orchestrator.report import doctor as report
from orchestrator.workflows import doctor, doctor_hosts

_FACTS = HostFacts(
    name="web-1", version="1", arch="x86_64", memory_bytes=1 << 31, disk_free_bytes=5 << 30, inodes_free=10**6,
    node_versions=("24.21.0",), provisioned=True, live=None, pools={}, pending=None, lock=None, releases=(),
    current="", instances=(),
)  # fmt: skip
_CLOSED = Maintenance("Back soon", (), 60, "today", "ann")
_MIGRATION = MigrationFacts("20261102000000-bbbbbbbb", "succeeded", irreversible=True, time="noon")
_STAGE = Stage("production", Path("hosts.yml"), Path("known_hosts"), (Host("web-1", "10.0.0.1"),))


def _levels(facts: HostFacts) -> list[str]:
    return [d.text for d in doctor_hosts.judge(_STAGE, facts, "1", is_app=True) if d.level is not Level.OK]


def test_a_sound_host_has_no_findings() -> None:
    """Agent, app, Node and disk in order: four times ok."""
    found = list(doctor_hosts.judge(_STAGE, _FACTS, "1", is_app=True))
    assert [diagnosis.level for diagnosis in found] == [Level.OK] * 4


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (replace(_FACTS, version="0"), "the agent is 0, this vpsdeploy has 1"),
        (replace(_FACTS, provisioned=False), "not provisioned for the app"),
        (replace(_FACTS, node_versions=()), "no Node.js"),
        (replace(_FACTS, disk_free_bytes=1 << 29), "0.5 GiB free for releases"),
        (
            replace(_FACTS, out={"web-2": {"by": "ann", "since": "today"}}),
            "sends nothing to web-2: taken out by ann at today",
        ),
        (replace(_FACTS, maintenance=_CLOSED), "maintenance is on since today, by ann: users get 503"),
        (
            replace(
                _FACTS, integrity=Integrity("today", 7, tuple(f"/usr/bin/{n} is missing" for n in "abcdefg"))
            ),
            "its files were not whole at today:\n/usr/bin/a is missing\n/usr/bin/b is missing\n/usr/bin/c is missing\n"
            "/usr/bin/d is missing\n/usr/bin/e is missing\nand 2 more",
        ),
        (
            replace(_FACTS, current="20261101000000-aaaaaaaa", migrations=(_MIGRATION,)),
            "CAREFUL: 20261101000000-aaaaaaaa runs on a database that the migration of 20261102000000-bbbbbbbb has "
            "changed (succeeded at noon), which is marked irreversible: it may not be able to live with it",
        ),
    ],
)
def test_each_fault_of_a_host_is_named(facts: HostFacts, text: str) -> None:
    """One fault, one finding, which says what to type."""
    assert _levels(facts) == [text]
    assert all(d.next for d in doctor_hosts.judge(_STAGE, facts, "1", is_app=True) if d.level is not Level.OK)


@pytest.mark.parametrize(
    ("integrity", "text"),
    [
        (Integrity("today"), "its files are whole (looked at today)"),
        (Integrity(""), "its files are looked at every night; not yet"),
    ],
)
def test_whole_files_are_told_with_the_time_of_the_look(integrity: Integrity, text: str) -> None:
    """Nobody takes a look that never came for one that found nothing."""
    found = list(doctor_hosts.judge(_STAGE, replace(_FACTS, integrity=integrity), "1", is_app=True))
    assert (found[-1].level, found[-1].text) == (Level.OK, text)


def test_node_is_not_asked_of_a_load_balancer() -> None:
    """A host without instances needs no Node."""
    found = doctor_hosts.judge(_STAGE, replace(_FACTS, node_versions=()), "1", is_app=False)
    assert not doctor.has_errors(list(found))


def test_config_and_stage_are_both_reported(tmp_path: Path) -> None:
    """A broken config does not hide a missing stage; hosts are then not looked at."""
    (tmp_path / "vpsdeploy.yml").write_text("app: Shop\n")
    found = doctor.run(tmp_path, None, lambda *_: [error("web-1", "asked", "")])
    assert {d.area for d in found if d.level is Level.ERROR} >= {"config", "stage"}
    assert "web-1" not in {d.area for d in found}


def test_hosts_are_looked_at(tmp_path: Path) -> None:
    """With a config and a stage the hosts' findings come last."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\nenv: {API_TOKEN: x}\n")
    (tmp_path / "inventories/one").mkdir(parents=True)
    (tmp_path / "inventories/one/hosts.yml").write_text("app: {hosts: {w: }}\nloadbalancer: {hosts: {w: }}\n")
    found = doctor.run(tmp_path, None, lambda config, stage: [ok(stage.name, config.app)])
    assert found[-1] == ok("one", "shop")
    assert any(d.area == "config" and d.level is Level.WARNING and "API_TOKEN" in d.text for d in found)
    assert any(d.area == "project" and "package.json" in d.text for d in found)


def test_whole_text() -> None:
    """One paragraph an area; a second line of a finding stands under the first."""
    found: list[Diagnosis] = [
        ok("config", "fine"),
        warning("web-1", "low", "clean"),
        error("web-1", "a\nb", "type c"),
    ]
    assert report.text(found).splitlines() == [
        "config",
        "  ok       fine",
        "",
        "web-1",
        "  warning  low",
        "           next: clean",
        "  error    a",
        "           b",
        "           next: type c",
        "",
        "1 error and 1 warning",
    ]


def test_exit_code_and_json(tmp_path: Path) -> None:
    """An error makes the exit code 6 and `ok` false; the JSON lists each finding."""
    result = CliRunner().invoke(command_line(), ["doctor", "--project", str(tmp_path), "--json"])
    shown = json.loads(result.output)
    assert result.exit_code == 6
    assert (shown["kind"], shown["ok"]) == ("doctor", False)
    assert {"area": "config", "level": "error", "text": f"no vpsdeploy.yml in {tmp_path}",
            "next": "vpsdeploy init, or name the project's directory with --project"} in shown["findings"]  # fmt: skip


def test_what_no_night_brings_to_a_database_is_told() -> None:
    """Security updates that restart it, and files that were replaced under it; what the nights bring is not."""
    library = Upgrade("libpq5", "17.6-1", "17.7-1", security=True)
    server = Upgrade("postgresql-17", "17.6-1", "17.7-1", security=True, restarts="postgresql")
    seen = HostUpdates("db-1", (library, server), False, (), (), "b", "running", ("redis",))
    first, second = doctor_hosts.judge_updates(seen)
    assert first.text.endswith("postgresql wait, because they restart what they mend: postgresql-17 17.7-1")
    assert second.text == "files that updates have replaced still run in redis"
    assert "vpsdeploy host patch db-1 --allow-outage" in first.next
