"""The stream of missing files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from orchestrator.errors import ProjectError
from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.transport.bundle_stream import stream


def bundle_of(root: Path, contents: dict[str, bytes], executable: str = "") -> Bundle:
    """A bundle of these files."""
    for name, content in contents.items():
        (root / name).write_bytes(content)
    files = tuple(
        BundleFile(name, hashlib.sha256(content).hexdigest(), len(content), name == executable)
        for name, content in contents.items()
    )
    return Bundle(Manifest("shop", "", "", "d", "a", "lts", 0, "any", "", files), root)


def unpacked(blocks: bytes) -> dict[str, bytes]:
    """What a host reads out of it."""
    with tarfile.open(fileobj=io.BytesIO(blocks), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr] # files only


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 300_000])
def test_a_tar_reader_gets_every_file_whole(tmp_path: Path, size: int) -> None:
    """Any length, padded as tar wants it; members are named by digest, executables with an x."""
    made = bundle_of(tmp_path, {"a": b"y" * size, "run": b"#!"}, executable="run")
    names = [made.manifest.files[0].digest, made.manifest.files[1].digest + "x"]
    assert unpacked(b"".join(stream(made, names))) == {names[0]: b"y" * size, names[1]: b"#!"}


def test_only_what_is_wanted_is_sent(tmp_path: Path) -> None:
    """The host names what it lacks."""
    made = bundle_of(tmp_path, {"a": b"1", "b": b"2"})
    wanted = made.manifest.files[1].digest
    assert list(unpacked(b"".join(stream(made, [wanted])))) == [wanted]


@pytest.mark.parametrize("content", [b"longer than before", b"", None])
def test_a_file_that_has_changed_stops_the_stream(tmp_path: Path, content: bytes | None) -> None:
    """Longer, shorter or gone: the host never gets a part of it as if it were whole."""
    made = bundle_of(tmp_path, {"a": b"12345"})
    file = tmp_path / "a"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ProjectError, match="a file of the bundle has changed"):
        list(stream(made, [made.manifest.files[0].digest]))
