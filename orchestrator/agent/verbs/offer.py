"""offer: say which files of a bundle are not here yet."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from orchestrator.agent import durable, space
from orchestrator.agent.call import Call
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.manifest import Entry, parse


def offer(call: Call) -> dict[str, Any]:
    """Keep the manifest and list what is missing. Checks the disk for all of it before anything is sent."""
    call.app_facts()
    raw = call.request.fields.get("manifest")
    manifest = parse(raw, call.app.name)
    missing = _missing(call.app, manifest.entries)
    call.app.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    space.require(
        call.app.incoming, space.on_disk(list(missing.values())), len(missing) + len(manifest.entries) // 4
    )
    durable.write_json(call.app.offered(manifest.digest), raw)
    free_bytes, free_inodes = space.free(call.app.incoming)
    figures = {"bytes": sum(missing.values()), "free_bytes": free_bytes, "free_inodes": free_inodes}
    return {"missing": sorted(missing), **figures}


def _missing(app: AppLayout, entries: Iterable[Entry]) -> dict[str, int]:
    """Sizes of the files that the store lacks, by name. A file of another length is damaged: it counts as missing."""
    wanted = {entry.stored: entry.size_bytes for entry in entries if entry.stored}
    store = str(app.store)
    return {name: size for name, size in wanted.items() if _size(f"{store}/{name[:2]}/{name[2:]}") != size}


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - 20,000 times: building Path objects would double the time
    except FileNotFoundError:
        return -1
