"""What speaks against carrying databases on a host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.vpsdeploy import preflight_services

from orchestrator.agent.backup.services import LEFT_OUT
from orchestrator.model.service import KINDS, UNPROTECTED

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A host of 2 GiB with a PostgreSQL that nobody has put anything into."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:  2097152 kB\nMemFree: 1 kB\n")
    (tmp_path / "etc/vpsdeploy/services").mkdir(parents=True)
    for name in ("1", "4", "5"):
        (tmp_path / "var/lib/postgresql/17/main/base" / name).mkdir(parents=True)
    return tmp_path


def findings(root: Path, memory: str = "25%") -> list[str]:
    """For the app shop."""
    found: list[str] = preflight_services.findings({"postgresql": memory}, "shop", root, "13")
    return found


@pytest.mark.parametrize("memory", ["25%", "80%", "1G", "64M"])
def test_what_fits_is_let_pass(root: Path, memory: str) -> None:
    """Up to four fifths of the host."""
    assert findings(root, memory) == []


@pytest.mark.parametrize("memory", ["2G", "81%", "1T"])
def test_more_than_the_host_has_is_refused(root: Path, memory: str) -> None:
    """With both numbers and the key to lower."""
    (found,) = findings(root, memory)
    assert f"postgresql {memory} come to" in found
    assert "the host has 2048 MiB" in found
    assert "services.postgresql.memory" in found


def test_shares_are_of_this_host(root: Path) -> None:
    """In MiB, as the roles count."""
    assert preflight_services.memory_mib({"a": "25%", "b": "1G", "c": "2048K"}, root) == {
        "a": 512,
        "b": 1024,
        "c": 2,
    }


def test_what_no_backup_holds_is_the_same_to_controller_and_agent() -> None:
    """One of them would be quiet about it."""
    assert LEFT_OUT == UNPROTECTED


def carries_mongodb(root: Path, flags: str) -> list[str]:
    """What is found on a host whose processor has these flags."""
    (root / "proc/cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags} sse2\n")
    found: list[str] = preflight_services.findings({"mongodb": "512M"}, "shop", root, "13")
    return found


def test_mongodb_asks_for_its_processor(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end at its first instruction, or has no package at all: known before anything is changed."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert carries_mongodb(root, "avx") == []
    (found,) = carries_mongodb(root, "avx512_none")
    assert found.startswith("mongodb needs a processor with AVX")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    (found,) = carries_mongodb(root, "avx")
    assert "for Debian on x86_64 only, this host is aarch64" in found


def test_somebody_s_mongodb_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty directory is nobody's; one with files in it is not ours to change."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (root / "var/lib/mongodb").mkdir(parents=True)
    assert carries_mongodb(root, "avx") == []
    (root / "var/lib/mongodb/WiredTiger").touch()
    (found,) = carries_mongodb(root, "avx")
    assert "mongodb has data on this host that are not ours (" in found


def test_a_share_that_serves_nobody_is_refused(root: Path) -> None:
    """As small as the model allows, and no smaller; only the host knows how much a share is."""
    least = {name: f"{size}M" for name, size in preflight_services._LEAST_MIB.items()}
    assert least == {name: kind.least_memory for name, kind in KINDS.items() if kind.least_memory != "64M"}
    assert preflight_services.findings({"rabbitmq": "13%"}, "shop", root, "13") == []
    (found,) = preflight_services.findings({"rabbitmq": "12%"}, "shop", root, "13")
    assert found.startswith(
        "memory: rabbitmq gets 245 MiB here (12%) and needs 256: write services.rabbitmq.memory"
    )


def test_every_kind_says_where_its_data_lie(root: Path) -> None:
    """One that was left out would be an error on the host."""
    assert set(preflight_services._DATA) == set(KINDS)


def test_somebody_else_s_database_is_not_ours_to_change(root: Path) -> None:
    """An owner's own server has databases; one that was only just installed has none."""
    (root / "var/lib/postgresql/17/main/base/16384").mkdir()
    (found,) = findings(root)
    assert found.startswith("postgresql has data on this host that are not ours (")


@pytest.mark.parametrize(("owner", "count"), [("shop", 0), ("blog", 1)])
def test_a_service_is_one_app_s(root: Path, owner: str, count: int) -> None:
    """Our own is let pass with all its data; another project's is not taken over."""
    (root / "var/lib/postgresql/17/main/base/16384").mkdir()
    (root / "etc/vpsdeploy/services/postgresql.json").write_text(json.dumps({"app": owner}))
    assert len(findings(root)) == count


@pytest.mark.parametrize(
    ("debian", "version", "there", "refused"),
    [
        ("13", "15", True, True), ("13", "17", True, False), ("12", "15", True, False), ("13", "15", False, False),
        ("12", "17", True, True), ("13", None, True, False),
    ],
)  # fmt: skip
def test_the_app_s_data_in_another_version_than_debian_s_are_told(
    root: Path, debian: str, version: str | None, *, there: bool, refused: bool
) -> None:
    """Debian was upgraded in place: its PostgreSQL would begin with nothing. Once those are dropped all is well."""
    kept = {"app": "shop"} | ({"version": version} if version else {})
    (root / "etc/vpsdeploy/services/postgresql.json").write_text(json.dumps(kept))
    if there and version:
        place = root / "var/lib/postgresql" / version / "main"
        place.mkdir(parents=True, exist_ok=True)
        (place / "PG_VERSION").write_text(f"{version}\n")
    found = preflight_services.findings({"postgresql": "25%"}, "shop", root, debian)
    assert len(found) == refused
    assert all(
        f"data are in version {version} (/var/lib/postgresql/{version}/main)" in text
        and "docs/runbooks/database-upgrade.md" in text
        for text in found
    )


def test_versions_are_those_of_the_role() -> None:
    """Both know which PostgreSQL a Debian has."""
    role = yaml.safe_load((ROOT / "roles/postgresql/vars/main.yml").read_text())["__postgresql_version"]
    for debian, version in preflight_services._POSTGRESQL.items():
        assert f"{debian}: {version}" in role
    assert role.count(":") == len(preflight_services._POSTGRESQL)


def test_a_database_of_mariadb_is_a_directory(root: Path) -> None:
    """The server's own are no data, and its files are none."""
    for name in ("mysql", "sys", "performance_schema"):
        (root / "var/lib/mysql" / name).mkdir(parents=True)
    (root / "var/lib/mysql/debian-11.8.flag").touch()
    wanted = {"mariadb": "25%"}
    assert preflight_services.findings(wanted, "shop", root, "13") == []
    (root / "var/lib/mysql/wordpress").mkdir()
    (found,) = preflight_services.findings(wanted, "shop", root, "13")
    assert found.startswith("mariadb has data on this host that are not ours (")
