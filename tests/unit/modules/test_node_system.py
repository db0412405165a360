"""Node from the distribution: which version it is, and what becomes of a copy when the package moves on."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.vpsdeploy import node, node_archive, node_deb, node_install, node_system
from ansible.module_utils.vpsdeploy.host import Host
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version

SCHEDULE = {
    "v20": {"lts": "2023-10-24", "end": "2026-04-30"},
    "v26": {"lts": "2026-10-28", "end": "2099-04-30"},
}


class FakeDebian(Host):  # type: ignore[misc] # of ansible.module_utils, which mypy takes for Any
    """A host whose dpkg and apt say what they are told to.

    Args:
        installed: The package's version that dpkg names; empty: none.
        candidate: What apt would install; empty: it has no lists.
    """

    def __init__(self, installed: str, candidate: str, check_mode: bool = False) -> None:
        super().__init__(check_mode)
        self.package = installed
        self.candidate = candidate

    def attempt(
        self, argv: list[str], timeout_seconds: float = 900, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Answer as the program would."""
        answer = ""
        if argv[0] == "dpkg-query" and self.package:
            answer = "ii nodejs\n" if "Package" in argv[3] else f"ii {self.package}"
        if argv[0] == "apt-cache":
            answer = f"nodejs:\n  Installed: (none)\n  Candidate: {self.candidate or '(none)'}\n"
        if "install" in argv:
            self.package = self.candidate
        return subprocess.CompletedProcess(argv, 0, answer, "")


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The distribution's program, which says a version; no library beside it."""
    path = tmp_path / "usr-bin-node"
    says(path, "20.19.2")
    monkeypatch.setattr(node_system, "_PROGRAM", path)
    monkeypatch.setattr(node_archive.os, "chown", lambda *_: None)
    return path


def says(path: Path, version: str) -> None:
    """Make the distribution's program one that says this version."""
    path.write_text(f"#!/bin/sh\necho v{version}\n")
    path.chmod(0o755)


def converge(host: Host, root: Path, request: str = "20") -> str:
    """One run of the module."""
    params: dict[str, Any] = {
        "packages": [], "packages_beside": [], "units_left": [],
        "request": request, "source": "system", "schedule": SCHEDULE, "directory": str(root),
    }  # fmt: skip
    said: str = node.converge(params, host)
    return said


@pytest.mark.parametrize(
    ("debian", "version"),
    [
        ("20.19.2+dfsg-1+deb13u3", (20, 19, 2)),
        ("18.20.4+dfsg-1~deb12u3", (18, 20, 4)),
        ("24.21.0-1nodesource1", (24, 21, 0)),
        ("1:22.1.0-1", (22, 1, 0)),
        ("26.0.0~rc1+dfsg-1", None),
        ("nonsense", None),
    ],
)
def test_version_of_a_package_is_that_of_its_upstream(debian: str, version: Version | None) -> None:
    """Of Debian, of NodeSource, with an epoch; a release candidate has none."""
    assert node_deb.upstream(debian) == version


def test_package_is_installed_and_copied_once(tmp_path: Path) -> None:
    """The first run does both, the second nothing."""
    host = FakeDebian("", "20.19.2+dfsg-1")
    assert converge(host, tmp_path / "node") == "20.19.2"
    assert host.changes == ["packages nodejs", f"{tmp_path}/node/v20.19.2"]
    assert "end of life on 2026-04-30" in host.warnings[0]
    host.changes.clear()
    assert converge(host, tmp_path / "node") == "20.19.2"
    assert host.changes == []


@pytest.mark.parametrize("request_", ["lts", "24", "20.18", "20.19.1"])
def test_version_that_the_distribution_has_not_is_refused_with_the_one_it_has(
    tmp_path: Path, request_: str
) -> None:
    """Before anything is installed, and with what to write instead."""
    host = FakeDebian("", "20.19.2+dfsg-1")
    with pytest.raises(NodeError, match=r'nodejs is 20\.19\.2\. Write `node: "20"` in vpsdeploy\.yml'):
        converge(host, tmp_path / "node", request_)
    assert (host.changes, host.package) == ([], "")


def test_upgrade_of_the_distribution_leaves_the_version_of_a_release(tmp_path: Path, program: Path) -> None:
    """The old copy runs on and can still be asked for by its full number; the new one comes beside it."""
    root = tmp_path / "node"
    converge(FakeDebian("20.19.2+dfsg-1", "20.19.2+dfsg-1"), root)
    says(program, "20.19.5")
    upgraded = FakeDebian("20.19.5+dfsg-1", "20.19.5+dfsg-1")
    assert converge(upgraded, root, "20.19.2") == "20.19.2"
    assert upgraded.changes == []
    assert converge(upgraded, root) == "20.19.5"
    assert sorted(node_install.installed(root)) == ["20.19.2", "20.19.5"]


def test_revision_of_the_same_version_renews_the_copy_file_by_file(tmp_path: Path, program: Path) -> None:
    """That is how Debian mends: check mode says it, a run does it, and what runs keeps the file it has open."""
    root = tmp_path / "node"
    converge(FakeDebian("20.19.2+dfsg-1+deb13u2", ""), root)
    program.write_text(f"{program.read_text()}# mended\n")
    for check_mode in (True, False):
        with (root / "v20.19.2/bin/node").open() as running:
            host = FakeDebian("20.19.2+dfsg-1+deb13u3", "", check_mode)
            converge(host, root)
            assert host.changes == [f"{root}/v20.19.2"]
            assert "mended" not in running.read()
    assert "mended" in (root / "v20.19.2/bin/node").read_text()
    assert node_install.package(root, (20, 19, 2)) == "nodejs=20.19.2+dfsg-1+deb13u3"


def test_official_binary_of_the_same_version_is_left_alone(tmp_path: Path) -> None:
    """It came from another source, and needs nothing of the distribution."""
    binary = tmp_path / "node/v20.19.2/bin/node"
    binary.parent.mkdir(parents=True)
    says(binary, "20.19.2")
    host = FakeDebian("20.19.2+dfsg-1", "20.19.2+dfsg-1")
    assert converge(host, tmp_path / "node") == "20.19.2"
    assert host.changes == []


def test_check_mode_without_lists_says_that_the_version_is_not_known(tmp_path: Path) -> None:
    """It is no error, because a run would fetch them."""
    host = FakeDebian("", "", check_mode=True)
    assert converge(host, tmp_path / "node") == ""
    assert host.changes == ["packages nodejs"]
    assert "not known" in host.warnings[0]
