"""A role's files as one tree: planned first, then applied one by one, and undone together where a check fails."""

from __future__ import annotations

import base64
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import entries
from ansible.module_utils.vpsdeploy.entries import Entry
from ansible.module_utils.vpsdeploy.host import Host, HostError, tail
from ansible.module_utils.vpsdeploy.put import put

CHECK_UMASK = 0o027
"""A check may write: `nginx -t` makes log files that it finds missing; who visits an app is not for others to read."""


@dataclass(frozen=True)
class Change:
    """One path whose state differs from what the task asks for."""

    path: Path
    before: Entry
    after: Entry
    validate: tuple[str, ...]
    secret: bool


def plan(host: Host, specs: list[dict[str, Any]]) -> list[Change]:
    """The changes that are needed, in the task's order; nothing is touched."""
    changes = []
    for spec, (path, after) in zip(specs, wanted(specs, host.check_mode), strict=True):
        before = entries.read(path)
        if before != after:
            secret = spec["secret_content"] is not None
            changes.append(Change(path, before, after, tuple(spec["validate"]), secret))
    return changes


def wanted(specs: list[dict[str, Any]], check_mode: bool) -> list[tuple[Path, Entry]]:
    """What a task asks for, path by path."""
    return [(Path(spec["path"]), entries.wanted(spec, _content(spec), check_mode)) for spec in specs]


def apply(host: Host, changes: list[Change], check: list[str]) -> None:
    """Carry out a plan, then ask `check` whether the whole tree is right; all of it is undone if not.

    The check runs without changes too: a file that turned bad must never stay green. In check mode it is asked only
    where nothing would change, because only then it speaks about what the task wants.

    Raises: HostError: a file was refused by its validator, or the tree by the check.
    """
    for change in changes:
        host.changed(str(change.path), entries.diff(change.path, change.before, change.after, change.secret))
    done: list[Change] = []
    try:
        for change in changes:
            _validate(host, change)
            if not host.check_mode:
                done.append(change)
                put(change.path, change.after)
        if check and not (host.check_mode and changes):
            _ask(host, check)
    except (HostError, OSError):
        for change in reversed(done):
            put(change.path, change.before)
        raise


def _validate(host: Host, change: Change) -> None:
    """Let the file's own program judge the new content before it is anywhere near the live path."""
    argv = list(change.validate)
    if not argv or change.after.kind != "file":
        return
    if host.check_mode and shutil.which(argv[0]) is None:
        return  # its package would be installed by the very run that is only being shown
    with tempfile.TemporaryDirectory() as directory:
        candidate = Path(directory) / change.path.name
        candidate.write_bytes(change.after.content)
        candidate.chmod(change.after.mode)
        answer = host.attempt([word.replace("%s", str(candidate)) for word in argv])
    if answer.returncode != 0:
        raise HostError(f"{change.path} was left as it is: {argv[0]} refuses the new content: {tail(answer)}")


def _ask(host: Host, check: list[str]) -> None:
    answer = host.attempt(check, umask=CHECK_UMASK)
    if answer.returncode != 0:
        raise HostError(
            f"`{' '.join(check)}` refuses the files, they were put back as they were: {tail(answer)}"
        )


def _content(spec: dict[str, Any]) -> bytes:
    if spec["binary_content"] is not None:
        return base64.b64decode(spec["binary_content"])
    text = spec["secret_content"] if spec["secret_content"] is not None else spec["content"]
    return (text or "").encode()
