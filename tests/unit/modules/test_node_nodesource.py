"""Node from a signed apt repository like NodeSource's, served on loopback and read by the real apt."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ansible.module_utils.vpsdeploy import node, node_archive, node_install
from ansible.module_utils.vpsdeploy.host import Host
from ansible.module_utils.vpsdeploy.http import Unreachable
from ansible.module_utils.vpsdeploy.node_nodesource import NodesourceSource
from ansible.module_utils.vpsdeploy.node_versions import NodeError

from tests.support.signer import Signer, signer
from tests.unit.modules.conftest import Site

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="only Debian has apt")

VERSION = (24, 21, 0)
SCHEDULE = {"v24": {"lts": "2025-10-28", "end": "2099-04-30"}}


class Repository:
    """A repository of the line 24, signed by a key of its own."""

    def __init__(self, site: Site, key: Signer) -> None:
        self.site, self.address = site
        self.key = key
        self.root = self.site / "node_24.x"
        self.index = self.root / "dists/nodistro/main" / f"binary-{_architecture()}" / "Packages"
        self.index.parent.mkdir(parents=True)
        (self.site / "key.asc").write_bytes(key.armored())

    def offer(self, *versions: str) -> None:
        """Offer packages of these versions, and sign the index."""
        self.index.write_text("\n".join(self._package(version) for version in versions))
        content = self.index.read_bytes()
        self.sign(hashlib.sha256(content).hexdigest(), len(content))

    def sign(self, digest: str, size: int) -> None:
        """Sign that the index is this one."""
        release = (
            f"Suite: nodistro\nArchitectures: {_architecture()}\nComponents: main\n"
            "Date: Mon, 23 Nov 2026 00:00:00 +0000\n"
            f"SHA256:\n {digest} {size} main/{self.index.parent.name}/Packages\n"
        )
        (self.index.parents[2] / "InRelease").write_bytes(self.key.clearsigned(release))

    def source(self, scratch: Path, fingerprint: str | None = None) -> NodesourceSource:
        """What reads it; the fingerprint is the key's own unless one is given."""
        pinned = self.key.fingerprint() if fingerprint is None else fingerprint
        return NodesourceSource(
            Host(False), scratch, self.address, f"{self.address}key.asc", pinned, line=24, timeout_seconds=60
        )

    def _package(self, version: str) -> str:
        build = self.site / "build"
        (build / "DEBIAN").mkdir(parents=True)
        (build / "DEBIAN").chmod(0o755)
        (build / "usr/bin").mkdir(parents=True)
        upstream = version.partition("-")[0]
        (build / "usr/bin/node").write_text(f"#!/bin/sh\necho v{upstream}\n")
        (build / "usr/bin/node").chmod(0o755)
        fields = {
            "Package": "nodejs",
            "Version": version,
            "Architecture": _architecture(),
            "Maintainer": "A <a@b.c>",
        }
        control = "".join(f"{name}: {value}\n" for name, value in fields.items())
        (build / "DEBIAN/control").write_text(f"{control}Description: Node\n")
        file = self.root / f"nodejs_{version}.deb"
        subprocess.run(["dpkg-deb", "--build", str(build), str(file)], check=True, capture_output=True)
        shutil.rmtree(build)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return f"{control}Filename: {file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"


@pytest.fixture(autouse=True)
def anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No need to own files as root."""
    monkeypatch.setattr(node_archive.os, "chown", lambda *_: None)


@pytest.fixture
def repository(site: Site) -> Iterator[Repository]:
    """An empty repository with a key."""
    with signer() as key:
        yield Repository(site, key)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where apt's own user may look: pytest's directories are closed to it."""
    with tempfile.TemporaryDirectory(prefix="vpsdeploy-node-") as directory:
        yield Path(directory)


def params(repository: Repository, root: Path, request: str) -> dict[str, object]:
    """As the module takes them."""
    return {
        "packages": [], "packages_beside": [], "units_left": [],
        "request": request, "source": "nodesource", "schedule": SCHEDULE, "directory": str(root),
        "timeout_seconds": 5, "nodesource_url": repository.address,
        "nodesource_key": f"{repository.address}key.asc", "nodesource_fingerprint": repository.key.fingerprint(),
    }  # fmt: skip


def test_newest_package_of_each_version_is_offered(repository: Repository, scratch: Path) -> None:
    """A version that was packed twice comes in its newer package; a release candidate does not come."""
    repository.offer("24.20.0-1nodesource1", "24.20.0-2nodesource1", "24.21.0-1nodesource1", "24.22.0~rc1-1")
    offered = repository.source(scratch).versions()
    assert offered == {"24.20.0": "24.20.0-2nodesource1", "24.21.0": "24.21.0-1nodesource1"}


def test_versions_stand_side_by_side_and_the_second_run_changes_nothing(
    repository: Repository, tmp_path: Path
) -> None:
    """A full version that is installed asks nobody, even where the repository is gone."""
    root = tmp_path / "node"
    repository.offer("24.20.0-1nodesource1", "24.21.0-1nodesource1")
    for request in ("24.20.0", "24"):
        node.converge(params(repository, root, request), Host(False))
    assert sorted(node_install.installed(root)) == ["24.20.0", "24.21.0"]
    assert node_install.package(root, VERSION) == "nodejs=24.21.0-1nodesource1"
    shutil.rmtree(repository.root)
    again = Host(False)
    assert node.converge(params(repository, root, "24.20.0"), again) == "24.20.0"
    assert (again.changes, again.warnings) == ([], [])


def test_check_mode_says_what_would_come_and_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    """The version is the repository's, the directory stays away."""
    repository.offer("24.21.0-1nodesource1")
    host = Host(True)
    assert node.converge(params(repository, tmp_path / "node", "24"), host) == "24.21.0"
    assert host.changes == [f"{tmp_path}/node/v24.21.0"]
    assert not (tmp_path / "node").exists()


def test_repository_that_is_down_leaves_what_is_installed(repository: Repository, tmp_path: Path) -> None:
    """With a warning; without anything installed it is an error."""
    root = tmp_path / "node"
    repository.offer("24.21.0-1nodesource1")
    node.converge(params(repository, root, "24"), Host(False))
    shutil.rmtree(repository.root)
    host = Host(False)
    assert node.converge(params(repository, root, "24"), host) == "24.21.0"
    assert "24.21.0, which is installed, is used" in host.warnings[0]
    with pytest.raises(Unreachable, match="InRelease answered 404"):
        node.converge(params(repository, tmp_path / "other", "24"), Host(False))


@pytest.mark.parametrize("pinned", [True, False])
def test_repository_signed_by_another_key_is_refused(
    repository: Repository, scratch: Path, pinned: bool
) -> None:
    """Whether the key is pinned by its fingerprint or taken as it is."""
    repository.offer("24.21.0-1nodesource1")
    with ExitStack() as stack:
        stranger = stack.enter_context(signer())
        (repository.site / "key.asc").write_bytes(stranger.armored())
        source = repository.source(scratch, stranger.fingerprint() if pinned else "")
        with pytest.raises(NodeError, match="apt refuses the repository"):
            source.versions()


def test_key_with_another_fingerprint_is_refused(repository: Repository, scratch: Path) -> None:
    """Whoever replaces the repository and its key together gains nothing by it."""
    repository.offer("24.21.0-1nodesource1")
    with pytest.raises(NodeError, match="nodejs_nodesource_fingerprint"):
        repository.source(scratch, "6F71F525282841EEDAF851B42F59B5F99B1BE0B4").versions()


def test_index_that_was_not_signed_is_refused(repository: Repository, scratch: Path) -> None:
    """A version that somebody wrote into the list is not offered."""
    repository.offer("24.21.0-1nodesource1")
    repository.index.write_text(repository.index.read_text().replace("24.21.0", "24.21.9"))
    with pytest.raises(NodeError, match="apt refuses the repository"):
        repository.source(scratch).versions()


def test_tampered_package_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    """One byte is enough."""
    repository.offer("24.21.0-1nodesource1")
    package = next(repository.root.glob("*.deb"))
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    with pytest.raises(NodeError, match=r"apt did not download nodejs=24\.21\.0-1nodesource1"):
        node.converge(params(repository, tmp_path / "node", "24"), Host(False))
    assert list((tmp_path / "node").iterdir()) == []


def _architecture() -> str:
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
