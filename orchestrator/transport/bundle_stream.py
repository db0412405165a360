"""What a host lacks of a bundle, as it is sent: first the list of files, then a tar of those that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orchestrator.errors import ProjectError
from orchestrator.model.bundle import Bundle, BundleFile
from orchestrator.transport import blocks, listing, tar

_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Missing:
    """What a host said to an offer.

    Attributes:
        ranges: (first, count) of the list's entries, counted from 0.
        parts: Entries whose files are there in part: how many bytes.
        files: To be sent (count).
    """

    ranges: tuple[tuple[int, int], ...]
    parts: tuple[tuple[int, int], ...]
    files: int

    @classmethod
    def parse(cls, answer: dict[str, Any]) -> Missing:
        """Read the answer."""
        ranges, parts = (tuple((int(a), int(b)) for a, b in answer[key]) for key in ("missing", "parts"))
        return cls(ranges, parts, int(answer["files"]))


class Source(Protocol):
    """Where a release's files come from."""

    @property
    def directory(self) -> Path:
        """On a disk of ours, for a stream that several hosts share."""

    def offered(self) -> Iterable[bytes]:
        """The body of `offer`."""

    def stream(self, missing: Missing) -> Iterable[bytes]:
        """The body of `receive`."""


@dataclass(frozen=True, slots=True)
class FromBundle:
    """A bundle on this machine."""

    bundle: Bundle

    @property
    def directory(self) -> Path:
        """Beside its list."""
        return self.bundle.listing.parent

    def offered(self) -> Iterable[bytes]:
        """The body of `offer`."""
        return offered(self.bundle)

    def stream(self, missing: Missing) -> Iterable[bytes]:
        """The body of `receive`."""
        return stream(self.bundle, missing)


def offered(bundle: Bundle) -> Iterator[bytes]:
    """The body of `offer`."""
    with bundle.listing.open("rb") as file:
        yield from blocks.body(iter(lambda: file.read(_READ_BYTES), b""))


def stream(bundle: Bundle, missing: Missing) -> Iterator[bytes]:
    """The body of `receive`; a few blocks in memory at a time.

    Raises: ProjectError: a file is gone or has another length than the manifest says.
    """
    return blocks.body(_tar(bundle, missing))


def _tar(bundle: Bundle, missing: Missing) -> Iterator[bytes]:
    begun = dict(missing.parts)
    for number, file in _wanted(bundle, missing.ranges):
        yield from _member(file, bundle.content_of(file), begun.get(number, 0))
    yield tar.END


def _wanted(bundle: Bundle, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, BundleFile]]:
    entries = enumerate(listing.read(bundle.listing))
    for first, count in ranges:
        for number, file in entries:
            if number >= first:
                yield number, file
            if number >= first + count - 1:
                break


def _member(file: BundleFile, path: Path, offset: int) -> Iterator[bytes]:
    """A file from some byte on; its name says from which."""
    size = left = file.size_bytes - offset
    yield tar.header(f"{file.stored}@{offset}" if offset else file.stored, size)
    try:
        with path.open("rb") as content:
            content.seek(offset)
            while part := content.read(_READ_BYTES):
                left -= len(part)
                yield part
    except OSError as error:
        raise _changed(file, str(error)) from error
    if left:
        raise _changed(file, f"it has {file.size_bytes - left} bytes, the manifest says {file.size_bytes}")
    yield tar.padding(size)


def _changed(file: BundleFile, why: str) -> ProjectError:
    return ProjectError(
        "a file of the bundle has changed", why=f"{file.path}: {why}", next="vpsdeploy release"
    )
