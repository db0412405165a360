"""describe, copy: what another host needs to run a release that is kept here."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import body, durable, listing
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed, UsageError

_READ_BYTES = 1 << 18


def describe(call: Call) -> dict[str, Any]:
    """The documents of a release: its manifest and its settings."""
    release = call.app.release(call.request.release)
    documents = {name: durable.read_json(release / f"{name}.json") for name in ("manifest", "settings")}
    if None in documents.values() or not (release / "files.jsonl").is_file():
        raise ReleaseFailed(f"release {call.request.release} is not on the host")
    return {"release": call.request.release, **documents}


def copy(call: Call) -> int:
    """The body of `offer`, or with `missing` that of `receive`, on standard output, without its end."""
    files = call.app.release(call.request.release) / "files.jsonl"
    if not files.is_file():
        raise ReleaseFailed(f"release {call.request.release} is not on the host")
    if "missing" in call.request.fields:
        missing, begun = (_pairs(call, name) for name in ("missing", "parts"))
        parts = _tar(call, files, missing, dict(begun))
    else:
        parts = _content(files)
    with call.answers.file() as output:
        output.writelines(body.blocks(parts))
    return 0


def _tar(call: Call, files: Path, missing: list[tuple[int, int]], begun: dict[int, int]) -> Iterator[bytes]:
    """As the controller's own stream (transport/bundle_stream.py)."""
    entries = enumerate(listing.read(files))
    for first, count in missing:
        for number, entry in entries:
            if number >= first and entry.stored:
                offset = begun.get(number, 0)
                member = tarfile.TarInfo(f"{entry.stored}@{offset}" if offset else entry.stored)
                member.size = entry.size_bytes - offset
                yield member.tobuf(tarfile.GNU_FORMAT)
                yield from _content(call.app.stored(entry.stored), offset)
                yield bytes(-member.size % tarfile.BLOCKSIZE)
            if number >= first + count - 1:
                break
    yield bytes(2 * tarfile.BLOCKSIZE)


def _content(path: Path, offset: int = 0) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while part := file.read(_READ_BYTES):
            yield part


def _pairs(call: Call, name: str) -> list[tuple[int, int]]:
    raw = call.request.fields.get(name) or ()
    if not isinstance(raw, Iterable) or not all(_is_pair(pair) for pair in raw):
        raise UsageError("the request is wrong", why=f"{name} are not pairs of numbers")
    return [(first, second) for first, second in raw]


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and n >= 0 for n in pair)
