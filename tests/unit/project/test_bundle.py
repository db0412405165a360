"""Bundles: the same bits for the same content, and nothing accepted that was altered."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ProjectError
from orchestrator.model.build import BuildSettings, BuiltTree
from orchestrator.model.bundle import RELEASE_ID, Bundle
from orchestrator.project import hashing
from orchestrator.project.archive import FORMAT, read, write
from orchestrator.project.bundle import make_bundle
from orchestrator.project.detect import detect
from orchestrator.project.revision import release_id
from orchestrator.transport import listing, tar
from tests.support.bodies import laid_out
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
    assert sorted(path.name for path in found.root.iterdir()) == sorted(
        {file.digest for file in listing.read(found.listing) if not file.link}
    )
    app = laid_out(found, tmp_path / "app")
    assert (app / "node_modules" / "x" / "run").read_text(encoding="utf-8") == "same"
    assert (app / "a" / "run").stat().st_mode & 0o777 == 0o755
    assert (app / "a" / "copy").stat().st_mode & 0o777 == 0o644


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
        assert not (tmp_path / "out").exists()


def _crafted(place: Path, entries: list[list[Any]], contents: dict[str, bytes], **manifest: Any) -> Path:
    """A bundle file with this list and these members, its digests and checksums right."""
    listed = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
    fields = {
        **asdict(_bundle(place / "as-made").manifest), "format": FORMAT, "digest": sha256(listed).hexdigest(),
        "files": len(entries), "size_bytes": sum(entry[2] for entry in entries if len(entry) > 2), **manifest,
    }  # fmt: skip
    members = {"manifest.json": json.dumps(fields).encode(), "files.jsonl": listed, **contents}
    whole = b"".join(tar.header(n, len(c)) + c + tar.padding(len(c)) for n, c in members.items()) + tar.END
    (place / "crafted.tgz").write_bytes(gzip.compress(whole))
    return place / "crafted.tgz"


X = sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([["../x", X, 1]], "is not inside of the app"),
        ([["/etc/x", X, 1]], "is not inside of the app"),
        ([["a//x", X, 1]], "is not inside of the app"),
        ([["a", "", 0, "b"], ["a/x", X, 1]], "goes through the file or link 'a'"),
        ([["a", X, 1], ["a", X, 1]], "is named twice"),
        ([["b", X, 1], ["a", X, 1]], "stands in the wrong place"),
        ([["a", "", 0, "../../etc"]], "leaves the app"),
        ([["a", "", 0, "/etc"]], "leaves the app"),
        ([["a", "../../x", 1]], "has no digest"),
        ([["a", X, -1]], "its file list has the line"),
        ([["a", X, True]], "its file list has the line"),
        ([["a"]], "its file list has the line"),
        ([["a", X, 1 << 60]], "bytes on this machine"),
        ([["a", X, 2]], "of 1 bytes in the place of a"),
        ([["a", "0" * 64, 1]], "in the place of a"),
        ([], "which its list does not name"),
    ],
)
def test_a_crafted_list_is_refused(tmp_path: Path, entries: list[list[Any]], why: str) -> None:
    """Paths that lead outside, links on the way, wrong sizes, a bomb: refused, and nothing is left behind."""
    file = _crafted(tmp_path, entries, {X: b"x"})
    with pytest.raises(ProjectError, match="not a whole bundle file") as caught:
        read(file, tmp_path / "out", "shop")
    assert why in caught.value.why
    assert caught.value.state == "nothing was sent to any host"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_member_that_is_no_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    """Nothing but contents is in a bundle: no link, no device."""
    member = tarfile.TarInfo(X)
    member.type, member.linkname = kind, "/etc/passwd"
    file = _crafted(tmp_path, [["a", X, 0]], {})
    plain = gzip.decompress(file.read_bytes()).removesuffix(tar.END)
    file.write_bytes(gzip.compress(plain + member.tobuf(tarfile.GNU_FORMAT) + tar.END))
    with pytest.raises(ProjectError) as caught:
        read(file, tmp_path / "out", "shop")
    assert "which is no file" in caught.value.why


def test_a_header_that_claims_to_be_huge_is_not_believed(tmp_path: Path) -> None:
    """An extended header of 1 TiB would be held in memory by who believes in such headers."""
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 40
    (tmp_path / "b.tgz").write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + tar.END))
    with pytest.raises(ProjectError, match="not a whole bundle file"):
        read(tmp_path / "b.tgz", tmp_path / "out", "shop")


def test_what_follows_a_bundles_end_is_refused(tmp_path: Path) -> None:
    """It could go on for ever: a few kilobytes of gzip hold gigabytes of nothing."""
    write(_bundle(tmp_path), tmp_path / "b.tgz")
    whole = (tmp_path / "b.tgz").read_bytes()
    for more in (gzip.compress(bytes(4096)), gzip.compress(b"x"), b"x"):
        (tmp_path / "bad.tgz").write_bytes(whole + more)
        with pytest.raises(ProjectError, match="not a whole bundle file"):
            read(tmp_path / "bad.tgz", tmp_path / "out", "shop")


def test_a_bundle_of_another_format_says_so(tmp_path: Path) -> None:
    """It is not damaged: another version of vpsdeploy wrote it."""
    with pytest.raises(ProjectError) as caught:
        read(_crafted(tmp_path, [["a", X, 1]], {X: b"x"}, format=1), tmp_path / "out", "shop")
    assert "written by another version" in caught.value.why


def test_unchanged_files_are_not_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second bundle of the same tree reads no content; a changed file is read."""
    made = _bundle(tmp_path)
    for path in made.root.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)
    _rehash(tmp_path)
    read_again: list[Path] = []

    def digest(path: Path) -> str:
        read_again.append(path)
        return "0" * 64

    monkeypatch.setattr(hashing, "file_digest", digest)
    (made.root / "a" / "copy").write_text("other", encoding="utf-8")
    _rehash(tmp_path)
    assert [path.name for path in read_again] == ["copy"]


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
