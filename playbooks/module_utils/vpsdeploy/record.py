"""What the last converge asked of this host, kept on it: what an audit compares the host with."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import entries
from ansible.module_utils.vpsdeploy.entries import Entry
from ansible.module_utils.vpsdeploy.host import Host
from ansible.module_utils.vpsdeploy.put import put

DIRECTORY = Path("/var/lib/vpsdeploy/converged")
"""One file for each call, root's own: a name there says what root-only files are, though never what is in them."""

ASKED = ("packages", "accounts", "locked", "kernel_settings", "withheld", "check", "units")
"""What a record of vpsdeploy_apply has word for word; of files it has the digest."""

ARGUMENT = {"type": "dict", "options": {"name": {"type": "str"}, "fingerprint": {"type": "str"}}}
"""The module argument that asks for a record; module_defaults of the playbook fill it in."""


def keep(
    host: Host, asked: dict[str, str] | None, kind: str, wanted: dict[str, Any], directory: Path = DIRECTORY
) -> None:
    """Write down what a call that went well asked for; a rehearsal and a call without a name leave nothing.

    Args:
        host: Whether this is a rehearsal.
        asked: The call's name, and the fingerprint of all that decides what a converge does.
        kind: What the call does: apply, node or preflight.
        wanted: What it asked for, as JSON.
        directory: Where the records are.
    """
    if host.check_mode or not asked or not asked.get("fingerprint"):
        return
    content = json.dumps({"fingerprint": asked["fingerprint"], "kind": kind, "wanted": wanted}).encode()
    path = directory / f"{asked['name']}.json"
    entry = Entry("file", content=content, mode=0o600, uid=0, gid=0)
    if entries.read(path) != entry:
        put(path, entry)


def paths(specs: list[tuple[Path, Entry]]) -> dict[str, dict[str, Any]]:
    """Files as a record has them: of the content the digest only, because some of it is secret."""
    return {str(path): described(entry) for path, entry in specs}


def described(entry: Entry) -> dict[str, Any]:
    """One path's state as a record has it."""
    return {
        "kind": entry.kind, "mode": entry.mode, "uid": entry.uid, "gid": entry.gid, "target": entry.target,
        "sha256": hashlib.sha256(entry.content).hexdigest() if entry.content else "",
    }  # fmt: skip
