"""The bundle file that a CI job passes on: a gzip tar with the manifest first, the same bytes for the same bundle."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError
from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.project.unpack import unpack

MANIFEST_NAME = "manifest.json"
FORMAT = 1
"""Version of the file's layout; a reader refuses another one."""

_GZIP_LEVEL = 6
_MOST_MANIFEST_BYTES = 256 << 20


def write(bundle: Bundle, file: Path) -> None:
    """Write a bundle file; it appears under its name only when it is whole.

    Args:
        bundle: What to write; its files are read one by one.
        file: Where to, for example shop.bundle.tar.gz.
    """
    partial = file.with_name(file.name + ".partial")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as raw, gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
            _write_tar(bundle, packed)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def read(file: Path, into: Path, app: str = "") -> Bundle:
    """Unpack a bundle file and verify every digest.

    Args:
        file: As written by write().
        into: Directory for the files; made anew.
        app: Refuse a bundle of another app; empty accepts any.
    Raises: ProjectError: no such file, truncated, altered, of another app or of another format.
    """
    try:
        with gzip.open(file) as packed:
            with tarfile.open(fileobj=packed, mode="r|") as tar:
                manifest = _read_manifest(tar)
                _refuse_other_app(manifest, app, file)
                unpack(tar, manifest, into)
            _read_to_the_end(packed)
    except FileNotFoundError as error:
        raise ProjectError(f"no bundle file {file}", next="make one with vpsdeploy build") from error
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(
            f"{file} is not a whole bundle file",
            why=str(error) or type(error).__name__,
            state="nothing was sent to any host",
            next="make it again with vpsdeploy build, and compare its size after copying",
        ) from error
    return Bundle(manifest, into)


def _write_tar(bundle: Bundle, packed: gzip.GzipFile) -> None:
    # Plain names and no times: the same bundle gives the same bytes on every machine.
    with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        text = json.dumps({"format": FORMAT, **asdict(bundle.manifest)}, sort_keys=True).encode()
        header = tarfile.TarInfo(MANIFEST_NAME)
        header.size = len(text)
        tar.addfile(header, io.BytesIO(text))
        written: set[str] = set()
        for entry in bundle.manifest.files:
            if not entry.link and entry.digest not in written:
                written.add(entry.digest)
                _add_content(tar, bundle.root / entry.path, entry)


def _add_content(tar: tarfile.TarFile, path: Path, entry: BundleFile) -> None:
    header = tarfile.TarInfo(entry.digest)
    header.size = entry.size_bytes
    with path.open("rb") as content:
        tar.addfile(header, content)


def _read_manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST_NAME or first.size > _MOST_MANIFEST_BYTES:
        raise ValueError("it does not begin with a manifest")
    content = tar.extractfile(first)
    values: dict[str, Any] = json.load(content) if content else {}
    if values.pop("format", None) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}: it was written by another version of vpsdeploy")
    values["files"] = tuple(BundleFile(**entry) for entry in values["files"])
    missing = {field.name for field in fields(Manifest)} ^ set(values)
    if missing:
        raise ValueError(f"its manifest has other fields: {', '.join(sorted(missing))}")
    return Manifest(**values)


def _read_to_the_end(packed: gzip.GzipFile) -> None:
    """A file cut in its last bytes has all contents, but no checksum: gzip says so at its end."""
    while packed.read(1 << 20):
        pass


def _refuse_other_app(manifest: Manifest, app: str, file: Path) -> None:
    if app and manifest.app != app:
        raise ProjectError(
            f"{file} is a bundle of app {manifest.app}",
            why=f"vpsdeploy.yml is of app {app}",
            next="pass the bundle of this app, or run the command in the other project",
        )
