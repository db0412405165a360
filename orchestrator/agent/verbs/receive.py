"""receive: take a stream of files into the store, with bounded memory, each under the digest of its content."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable, lease, parts
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed

_NAME = re.compile(r"([0-9a-f]{64}x?)(?:@(\d{1,15}))?")
"""A member's name: how the store names the file; behind @ the byte from which on it is sent."""

_CHUNK_BYTES = 1 << 18
_PROGRESS_BYTES = 8 << 20
_RENEW_SECONDS = 10.0
"""Between two renewals of the lock's lease, however slow the line is."""


def receive(call: Call) -> dict[str, Any]:
    """Store what arrives; what arrived whole, or of a large file in part, is kept where the stream breaks off."""
    expected = call.request.count("count")
    intake = _Intake(call)
    with parts.transfer(call.app) as directory:
        try:
            intake.take_all(directory)
        finally:
            durable.sync_filesystems(call.app.home)
    if intake.stored + intake.damaged != expected:
        raise ReleaseFailed("the transfer is incomplete", why=f"{intake.stored} of {expected} files arrived")
    return {"stored": intake.stored, "bytes": intake.bytes, "damaged": intake.damaged}


class _Intake:
    """One transfer.

    Attributes:
        damaged: Files that were put together of two transfers and are not what they should be: to be sent again.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told_bytes, self._renewed = 0, time.monotonic()
        self.stored = self.bytes = self.damaged = 0

    def take_all(self, directory: Path) -> None:
        """Take each member of a tar. A name is a digest and nothing else: no path comes from outside.

        The tar is read here and not by tarfile, which holds what a header says in memory, however long that is.
        """
        while (header := self._header()) is not None:
            match = _NAME.fullmatch(header.name)
            if match is None or not header.isreg() or header.size < 0:
                raise ReleaseFailed("the transfer is wrong", why=f"it holds {header.name[:100]!r}")
            self._take(directory / match[1], int(match[2] or 0), header.size)
            self._call.body.exactly(-header.size % tarfile.BLOCKSIZE)

    def _header(self) -> tarfile.TarInfo | None:
        """The next member; None behind the last."""
        block = self._call.body.exactly(tarfile.BLOCKSIZE)
        if block == bytes(tarfile.BLOCKSIZE):
            while self._call.body.read(_CHUNK_BYTES):
                pass
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise ReleaseFailed("the transfer is wrong", why=f"it is no tar: {error}") from None

    def _take(self, beside: Path, offset: int, size: int) -> None:
        """Take one file, or what is missing of it."""
        digest = hashlib.sha256()
        if offset and not parts.take(self._call.app, beside.name, offset, beside):
            raise ReleaseFailed(
                "the transfer is wrong", why=f"of {beside.name} there are no {offset} bytes here"
            )
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if offset else os.O_TRUNC)
        with os.fdopen(os.open(beside, flags), "r+b", buffering=0) as file:
            os.fchmod(file.fileno(), 0o755 if beside.name.endswith("x") else 0o644)
            while offset and (chunk := file.read(_CHUNK_BYTES)):
                digest.update(chunk)
            self._copy(file.fileno(), size, digest)
        self.bytes += size
        if digest.hexdigest() == beside.name[:64]:
            self._keep(beside)
            return
        beside.unlink()
        if not offset:
            why = f"{beside.name[:64]} arrived with digest {digest.hexdigest()}"
            raise ReleaseFailed("the transfer is damaged", why=why)
        self.damaged += 1

    def _copy(self, descriptor: int, size: int, digest: Any) -> None:
        while size:
            chunk = self._call.body.exactly(min(size, _CHUNK_BYTES))
            digest.update(chunk)
            _write_all(descriptor, chunk)
            size -= len(chunk)
            self._renew()

    def _keep(self, beside: Path) -> None:
        target = self._call.app.stored(beside.name)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside.replace(target)
        self.stored += 1
        if self.bytes - self._told_bytes >= _PROGRESS_BYTES:
            self._told_bytes = self.bytes
            self._call.answers.progress(stored=self.stored, bytes=self.bytes)

    def _renew(self) -> None:
        if time.monotonic() - self._renewed >= _RENEW_SECONDS:
            self._renewed = time.monotonic()
            lease.renew(self._call.app.lock_file, self._call.request.text("token"))


def _write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
