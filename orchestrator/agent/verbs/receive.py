"""receive: take a stream of files into the store, with bounded memory, each under the digest of its content."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from orchestrator.agent import durable, lease
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import AppLayout

_NAME = re.compile(r"[0-9a-f]{64}x?")
_CHUNK_BYTES = 1 << 18
_PROGRESS_BYTES = 8 << 20
_RENEW_SECONDS = 10.0
"""Between two renewals of the lock's lease, however slow the line is."""
_BROKEN = (tarfile.ReadError, EOFError, zlib.error)


def receive(call: Call) -> dict[str, Any]:
    """Store what arrives; what arrived whole is kept even where the stream breaks off."""
    expected = call.request.count("count")
    intake = _Intake(call)
    with _private_directory(call.app.incoming) as directory:
        try:
            intake.take_all(directory)
        except _BROKEN as error:
            why = f"{intake.stored} of {expected} files arrived: {error}"
            raise ReleaseFailed("the transfer broke off", why=why, state="what arrived is kept") from None
        finally:
            durable.sync_filesystems(call.app.home)
    if intake.stored != expected:
        raise ReleaseFailed("the transfer is incomplete", why=f"{intake.stored} of {expected} files arrived")
    return {"stored": intake.stored, "bytes": intake.bytes}


class _Intake:
    """One transfer."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told_bytes, self._renewed = 0, time.monotonic()
        self.stored = self.bytes = 0

    def take_all(self, directory: Path) -> None:
        """Take each member of the stream. Member names are digests and nothing else: no path comes from outside."""
        with tarfile.open(fileobj=self._call.stream, mode="r|gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or not _NAME.fullmatch(member.name):
                    raise ReleaseFailed("the transfer is wrong", why=f"it holds {member.name[:100]!r}")
                self._take(member.name, content, directory)
                archive.members.clear()  # type: ignore[attr-defined] # tarfile keeps every member: memory would grow

    def _take(self, name: str, content: IO[bytes], directory: Path) -> None:
        beside = directory / name
        self.bytes += _copy(content, beside, name, self._renew)
        target = self._call.app.stored(name)
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


def _copy(content: IO[bytes], target: Path, name: str, each_chunk: Callable[[], None]) -> int:
    """Write one file and check it while writing. Returns: its length in bytes."""
    digest, size = hashlib.sha256(), 0
    mode = 0o755 if name.endswith("x") else 0o644
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            _write_all(file.fileno(), chunk)
            size += len(chunk)
            each_chunk()
    if digest.hexdigest() != name[:64]:
        raise ReleaseFailed(
            "the transfer is damaged", why=f"{name[:64]} arrived with digest {digest.hexdigest()}"
        )
    return size


def _write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextlib.contextmanager
def _private_directory(incoming: Path) -> Iterator[Path]:
    """A directory for files that are not whole yet; those of transfers that died are removed."""
    incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep(incoming)
    directory = incoming / f"receive-{os.getpid()}"
    directory.mkdir(mode=0o700)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def sweep(incoming: Path) -> None:
    """Remove directories of transfers whose process is gone: nobody holds their lock any more."""
    for directory in incoming.glob("receive-*"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def sweep_app(app: AppLayout) -> None:
    """The same for an app, with the manifests that were offered and never assembled."""
    if app.incoming.is_dir():
        sweep(app.incoming)
        for offered in app.incoming.glob("*.json"):
            offered.unlink()
