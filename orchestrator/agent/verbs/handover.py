"""describe, copy: what another host needs to run a release that is kept here."""

from __future__ import annotations

import gzip
import re
import tarfile
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed, UsageError

_STORED = re.compile(r"[0-9a-f]{64}x?")
_LEVEL = 3
"""As the controller's own stream (transport/bundle_stream.py)."""


def describe(call: Call) -> dict[str, Any]:
    """The documents of a release: its manifest and its settings."""
    release = call.app.release(call.request.release)
    documents = {name: durable.read_json(release / f"{name}.json") for name in ("manifest", "settings")}
    if None in documents.values():
        raise ReleaseFailed(f"release {call.request.release} is not on the host")
    return {"release": call.request.release, **documents}


def copy(call: Call) -> int:
    """Files of the store as the stream that `receive` reads, on standard output and nothing else."""
    names = call.request.fields.get("names")
    if not isinstance(names, list) or not all(isinstance(n, str) and _STORED.fullmatch(n) for n in names):
        raise UsageError("the request is wrong", why="names are not names of the store")
    with (
        call.answers.file() as output,
        gzip.GzipFile("", "wb", _LEVEL, output) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for name in names:
            path = call.app.stored(name)
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(member, content)
    return 0
