"""offer: say which files of a bundle are not here yet."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from orchestrator.agent import durable, parts, space
from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import AppLayout
from orchestrator.agent.listing import MOST_LINE_BYTES, Entry, Listing
from orchestrator.agent.manifest import Manifest, parse


def offer(call: Call) -> dict[str, Any]:
    """Keep the manifest and the file list, and say what is missing: ranges of the list's entries, counted from 0.

    Checks the disk for all of it before anything is sent.
    """
    call.app_facts()
    raw = call.request.fields.get("manifest")
    manifest = parse(raw, call.app.name)
    call.app.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = call.app.offered_files(manifest.digest)
    with durable.beside(target) as file:
        listing = Listing(call.body.lines(MOST_LINE_BYTES), file)
        missing = _Missing(call.app, parts.sizes(call.app))
        missing.look(listing)
        _check(manifest, listing)
        inodes = missing.files + manifest.files // 4
        space.require(call.app.incoming, missing.bytes_on_disk, inodes)
    durable.write_json(call.app.offered(manifest.digest), raw)
    free_bytes, free_inodes = space.free(call.app.incoming)
    figures = {"bytes": missing.bytes, "free_bytes": free_bytes, "free_inodes": free_inodes}
    return {"missing": missing.ranges, "files": missing.files, "parts": missing.parts, **figures}


def _check(manifest: Manifest, listing: Listing) -> None:
    kept = listing.kept()
    if kept != (manifest.digest, manifest.files, manifest.bytes):
        why = f"the manifest says {manifest.files} files, {manifest.bytes} bytes, {manifest.digest}; arrived: {kept}"
        raise ReleaseFailed("the transfer is damaged", why=why, state="nothing was changed")


class _Missing:
    """What the store lacks. A file of another length is damaged: it counts as missing.

    Attributes:
        ranges: [first, count] of entries whose files have to be sent; each file once.
        parts: [entry, bytes] where the beginning of a file is here already.
    """

    def __init__(self, app: AppLayout, begun: dict[str, int]) -> None:
        self._store, self._begun = str(app.store), begun
        self._seen: set[bytes] = set()
        self.ranges: list[list[int]] = []
        self.parts: list[list[int]] = []
        self.files = self.bytes = self.bytes_on_disk = 0

    def look(self, entries: Iterable[Entry]) -> None:
        """Look each entry up."""
        for number, entry in enumerate(entries):
            if entry.stored and self._lacks(entry):
                self._add(number, entry)

    def _lacks(self, entry: Entry) -> bool:
        stored = entry.stored
        if _size(f"{self._store}/{stored[:2]}/{stored[2:]}") == entry.size_bytes:
            return False
        short = bytes.fromhex(stored[:64]) + stored[64:].encode()  # a third of the text: lists are long
        known = short in self._seen
        self._seen.add(short)
        return not known

    def _add(self, number: int, entry: Entry) -> None:
        if self.ranges and sum(self.ranges[-1]) == number:
            self.ranges[-1][1] += 1
        else:
            self.ranges.append([number, 1])
        here = self._begun.get(entry.stored, 0)
        if 0 < here < entry.size_bytes:
            self.parts.append([number, here])
        self.files, self.bytes = self.files + 1, self.bytes + entry.size_bytes
        self.bytes_on_disk += space.on_disk(entry.size_bytes)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - 20,000 times: building Path objects would double the time
    except FileNotFoundError:
        return -1
