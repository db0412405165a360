"""Bundles: the same bits for the same content, and nothing accepted that was altered."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.model.build import BuildSettings, BuiltTree
from orchestrator.model.bundle import RELEASE_ID, Bundle
from orchestrator.project.archive import read, write
from orchestrator.project.bundle import make_bundle
from orchestrator.project.detect import detect
from orchestrator.project.revision import release_id
from tests.unit.project.projects import PACKAGE, lay

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _bundle(place: Path, app: str = "shop") -> Bundle:
    source = lay(place / "source", {"package.json": PACKAGE})
    root = lay(place / "home" / "app", {"dist/main.js": "main", "a/run": "same", "a/copy": "same"})
    (root / "a" / "run").chmod(0o700)
    if not (root / "node_modules").exists():
        (root / "node_modules").mkdir()
        (root / "node_modules" / "x").symlink_to("../a")
    tree = BuiltTree(root, "dist/main.js", "24.21.0", 137, "linux-x64", "npm 11", True, 1, 1)
    return make_bundle(app, detect(source, BuildSettings()), tree, NOW)


def test_the_digest_depends_on_content_alone(tmp_path: Path) -> None:
    """The same files elsewhere give the same digest and the same bytes; another mode or content does not."""
    one, two = _bundle(tmp_path / "1"), _bundle(tmp_path / "2")
    assert one.manifest == two.manifest
    write(one, tmp_path / "1.tgz")
    write(two, tmp_path / "2.tgz")
    assert (tmp_path / "1.tgz").read_bytes() == (tmp_path / "2.tgz").read_bytes()
    (two.root / "a" / "copy").chmod(0o755)
    assert _rehash(tmp_path / "2") != one.manifest.digest


def _rehash(place: Path) -> str:
    root = place / "home" / "app"
    tree = BuiltTree(root, "dist/main.js", "24.21.0", 137, "linux-x64", "npm 11", True, 1, 1)
    return make_bundle("shop", detect(place / "source", BuildSettings()), tree, NOW).manifest.digest


def test_a_bundle_file_gives_back_the_tree(tmp_path: Path) -> None:
    """Content, modes and links survive the file."""
    bundle = _bundle(tmp_path)
    write(bundle, tmp_path / "b.tgz")
    found = read(tmp_path / "b.tgz", tmp_path / "out", "shop")
    assert found.manifest == bundle.manifest
    assert (found.root / "node_modules" / "x" / "run").read_text(encoding="utf-8") == "same"
    assert (found.root / "a" / "run").stat().st_mode & 0o777 == 0o755
    assert (found.root / "a" / "copy").stat().st_mode & 0o777 == 0o644


def test_a_damaged_bundle_file_is_refused(tmp_path: Path) -> None:
    """Cut off at any place, altered in its content or its manifest, or no bundle at all: one clear error."""
    write(_bundle(tmp_path), tmp_path / "b.tgz")
    whole = (tmp_path / "b.tgz").read_bytes()
    plain = gzip.decompress(whole)
    damaged = [whole[:cut] for cut in range(0, len(whole), 61)]
    damaged += [
        gzip.compress(plain.replace(b"same", b"evil")),
        gzip.compress(plain.replace(b"main.js", b"evil.js")),
    ]
    damaged += [b"hello", gzip.compress(b"hello")]
    for content in damaged:
        (tmp_path / "bad.tgz").write_bytes(content)
        with pytest.raises(ProjectError, match="not a whole bundle file"):
            read(tmp_path / "bad.tgz", tmp_path / "out", "shop")


def test_another_apps_bundle_is_refused(tmp_path: Path) -> None:
    """A CI job cannot release the wrong app by mistake."""
    write(_bundle(tmp_path, "blog"), tmp_path / "b.tgz")
    with pytest.raises(ProjectError, match="of app blog"):
        read(tmp_path / "b.tgz", tmp_path / "out", "shop")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "../.."])
def test_a_link_out_of_the_tree_is_refused(tmp_path: Path, target: str) -> None:
    """No host has what lies outside of the bundle."""
    root = tmp_path / "home" / "app" / "node_modules"
    root.mkdir(parents=True)
    (root / "x").symlink_to(target)
    with pytest.raises(ProjectError, match="leaves the project"):
        _bundle(tmp_path)


def test_release_ids_are_utc_and_ordered_as_text() -> None:
    """Two controllers in different time zones give ids in the order of time."""
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    assert release_id(east, "1f3a9c2e" * 8) == "20261122120000-1f3a9c2e"
    assert RELEASE_ID.fullmatch(release_id(NOW, "1f3a9c2e" * 8))
