"""The image's key, its build, its files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import SandboxError
from orchestrator.sandbox import image
from orchestrator.sandbox.apt_sources import Source
from orchestrator.sandbox.controller import Surroundings
from orchestrator.sandbox.podman import Podman
from orchestrator.sandbox.state import StateDir
from tests.unit.sandbox.fake import FakeRunner

MIRROR = "http://mirror.example/debian"
SOURCES = (Source(MIRROR, ""), Source(f"{MIRROR}-security", "-security"))
PLAIN = Surroundings(SOURCES, certificates={"corp.crt": "PEM"})


def store(tmp_path: Path, runner: FakeRunner) -> image.ImageStore:
    """A store in a directory of the test."""
    state = StateDir(tmp_path / "root", tmp_path / "run")
    state.prepare()
    return image.ImageStore(runner, state, Podman(runner, state))


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAIN, certificates={"corp.crt": "ANOTHER"}),
        replace(PLAIN, sources=SOURCES[:1]),
        replace(PLAIN, apt_options=('Acquire::Retries "3";',)),
        replace(PLAIN, npmrc="registry=https://npm.example/\n"),
        replace(PLAIN, keyrings={"/k.gpg": b"1"}),
    ],
    ids=["ca", "sources", "apt", "npm", "keyring"],
)
def test_the_name_changes_with_what_goes_in(changed: Surroundings) -> None:
    """A new CA, mirror, option, registry or key makes a new image; the same ones do not."""
    assert image.reference(13, changed) != image.reference(13, PLAIN)
    assert image.reference(13, replace(PLAIN)) == image.reference(13, PLAIN)
    assert image.reference(12, PLAIN) != image.reference(13, PLAIN)


def test_mmdebstrap_gets_suite_target_and_sources() -> None:
    """The suite follows the Debian version in every source; apt options are handed over without their semicolon."""
    with_option = replace(PLAIN, apt_options=('Acquire::Check-Valid-Until "false";',))
    found = image.arguments(12, with_option, Path("/tree"), Path("/t.tar"))
    assert '--aptopt=Acquire::Check-Valid-Until "false"' in found
    assert "--customize-hook=sync-in /tree /" in found
    assert found[-4:-2] == ("bookworm", "/t.tar")
    assert found[-1].endswith(f"{MIRROR}-security bookworm-security main")


def test_a_cached_image_is_not_built(tmp_path: Path) -> None:
    """Where podman knows the name, mmdebstrap does not run."""
    runner = FakeRunner()
    name = store(tmp_path, runner).ensure(13, PLAIN, lambda _: None)
    assert name == image.reference(13, PLAIN)
    assert not runner.called("mmdebstrap")


def test_a_missing_image_is_built_and_left_overs_go(tmp_path: Path) -> None:
    """The build dies with us, reports its steps, and clears what a killed build left."""
    said: list[str] = []
    runner = FakeRunner({"image exists": 1, "mmdebstrap": "I: installing essential packages...\nnoise"})
    one = store(tmp_path, runner)
    left_over = tmp_path / "root/builds/13-killed"
    left_over.mkdir()
    one.ensure(13, PLAIN, said.append)
    assert runner.called("mmdebstrap")[0][:3] == ("setpriv", "--pdeathsig", "KILL")
    assert runner.called("podman import")
    assert "Debian 13: installing essential packages" in said
    assert not list((tmp_path / "root/builds").iterdir())


def test_a_failed_build_says_why(tmp_path: Path) -> None:
    """mmdebstrap's last lines are in the error; nothing is stored."""
    runner = FakeRunner({"image exists": 1, "mmdebstrap": (1, "E: mirror not found")})
    with pytest.raises(SandboxError) as caught:
        store(tmp_path, runner).ensure(12, PLAIN, lambda _: None)
    assert "E: mirror not found" in caught.value.why
    assert not runner.called("podman import")


def test_the_tree_has_the_modes_of_a_host(tmp_path: Path) -> None:
    """A strict umask on this machine does not lock hosts out of their own files; only the init is executable."""
    before = os.umask(0o077)
    try:
        image.write_tree(tmp_path / "tree", replace(PLAIN, npmrc="registry=x\n"))
    finally:
        os.umask(before)
    tree = tmp_path / "tree"
    modes = {
        str(path.relative_to(tree)): path.stat().st_mode & 0o777 for path in tree.rglob("*") if path.is_file()
    }
    assert modes.pop(image.INIT.lstrip("/")) == 0o755
    assert set(modes.values()) == {0o644}
    assert {"etc/npmrc", "usr/local/share/ca-certificates/corp.crt"} <= set(modes)
    assert all(path.stat().st_mode & 0o777 == 0o755 for path in tree.rglob("*") if path.is_dir())
