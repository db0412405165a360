"""The stream of missing files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.transport import listing
from orchestrator.transport.bundle_stream import Missing, offered, stream
from tests.support.bodies import unframed, untar


def bundle_of(root: Path, contents: dict[str, bytes], executable: str = "", link: str = "") -> Bundle:
    """A bundle of these files, and of a link to nothing."""
    for name, content in contents.items():
        (root / name).write_bytes(content)
    files = [
        BundleFile(name, hashlib.sha256(content).hexdigest(), len(content), name == executable)
        for name, content in contents.items()
    ]
    files += [BundleFile(link, link="nowhere")] if link else []
    beside = root / "files.jsonl"
    written = listing.write(beside, sorted(files, key=lambda file: file.path))
    manifest = Manifest(
        "shop", "", "", written.digest, "a", "lts", 0, "any", "", written.files, written.size_bytes
    )
    return Bundle(manifest, beside, root)


def missing(*ranges: tuple[int, int], parts: tuple[tuple[int, int], ...] = ()) -> Missing:
    """What a host lacks."""
    return Missing(ranges, parts, sum(count for _, count in ranges))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 300_000])
def test_a_tar_reader_gets_every_file_whole(tmp_path: Path, size: int) -> None:
    """Any length, padded as tar wants it; members are named by digest, executables with an x."""
    content = b"y" * size
    made = bundle_of(tmp_path, {"a": content, "run": b"#!"}, executable="run")
    names = [hashlib.sha256(content).hexdigest(), hashlib.sha256(b"#!").hexdigest() + "x"]
    sent = untar(unframed(stream(made, missing((0, 2)))))
    assert sent == {names[0]: content, names[1]: b"#!"}


def test_only_what_is_wanted_is_sent(tmp_path: Path) -> None:
    """The host names the entries that it lacks, by their places in the list."""
    made = bundle_of(tmp_path, {name: name.encode() for name in "abcdefgh"}, link="l")
    sent = untar(unframed(stream(made, missing((1, 2), (5, 1), (7, 1)))))
    assert list(sent.values()) == [b"b", b"c", b"f", b"h"]


def test_a_file_that_is_there_in_part_is_sent_from_there_on(tmp_path: Path) -> None:
    """The member's name says from which byte."""
    made = bundle_of(tmp_path, {"a": b"0123456789", "b": b"b"})
    sent = untar(unframed(stream(made, missing((0, 2), parts=((0, 4),)))))
    assert sent == {
        f"{hashlib.sha256(b'0123456789').hexdigest()}@4": b"456789",
        hashlib.sha256(b"b").hexdigest(): b"b",
    }


def test_an_offer_is_the_list_as_it_is(tmp_path: Path) -> None:
    """Its digest is the manifest's."""
    made = bundle_of(tmp_path, {"a": b"1"}, link="l")
    body = unframed(offered(made))
    assert hashlib.sha256(body).hexdigest() == made.manifest.digest
    lines = [json.loads(line) for line in body.splitlines()]
    assert lines == [["a", hashlib.sha256(b"1").hexdigest(), 1], ["l", "", 0, "nowhere"]]


@pytest.mark.parametrize("content", [b"longer than before", b"", None])
def test_a_file_that_has_changed_stops_the_stream(tmp_path: Path, content: bytes | None) -> None:
    """Longer, shorter or gone: the host never gets a part of it as if it were whole."""
    made = bundle_of(tmp_path, {"a": b"12345"})
    file = tmp_path / "a"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ProjectError, match="a file of the bundle has changed"):
        list(stream(made, missing((0, 1))))
