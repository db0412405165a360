"""A role's files as one tree: planned first, then applied one by one, and undone together where a check fails."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.vpsdeploy import entries
from ansible.module_utils.vpsdeploy.entries import Entry
from ansible.module_utils.vpsdeploy.host import Host, HostError, tail


@dataclass(frozen=True)
class Change:
    """One path whose state differs from what the task asks for."""

    path: str
    before: Entry
    after: Entry
    validate: tuple[str, ...]
    secret: bool


def plan(host: Host, specs: list[dict[str, Any]]) -> list[Change]:
    """The changes that are needed, in the task's order; nothing is touched."""
    changes = []
    for spec in specs:
        content = _content(spec)
        before, after = entries.read(spec["path"]), entries.wanted(spec, content, host.check_mode)
        if before != after:
            secret = spec["secret_content"] is not None
            changes.append(Change(spec["path"], before, after, tuple(spec["validate"]), secret))
    return changes


def apply(host: Host, changes: list[Change], check: list[str]) -> None:
    """Carry out a plan, then ask `check` whether the whole tree is right; all of it is undone if not.

    The check runs without changes too: a file that turned bad must never stay green. In check mode it is asked only
    where nothing would change, because only then it speaks about what the task wants.

    Raises: HostError: a file was refused by its validator, or the tree by the check.
    """
    for change in changes:
        host.changed(change.path, entries.diff(change.path, change.before, change.after, change.secret))
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


def put(path: str, entry: Entry) -> None:
    """Make a path what the entry says, atomically, and leave it so after a power loss.

    Raises: HostError: something of another kind is in the way and may hold somebody's work.
    """
    current = entries.read(path)
    if entry.kind == "directory":
        _put_directory(path, current, entry)
        return
    if current.kind == "directory":
        if entry.kind != "absent":
            raise HostError(f"{path} is a directory, a {entry.kind} is to be there: move it away, then run again")
        os.rmdir(path)
        return
    if entry.kind == "absent":
        if current.kind != "absent":
            os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    temporary = _link(path, entry.target) if entry.kind == "link" else _write(path, entry)
    os.replace(temporary, path)
    _sync_directory(os.path.dirname(path))


def _put_directory(path: str, current: Entry, entry: Entry) -> None:
    if current.kind not in ("absent", "directory"):
        raise HostError(f"{path} is a {current.kind}, a directory is to be there: move it away, then run again")
    os.makedirs(path, exist_ok=True)
    os.chown(path, entry.uid, entry.gid)
    os.chmod(path, entry.mode)


def _write(path: str, entry: Entry) -> str:
    # The name ends in a suffix that no `include *.conf`, no systemd and no sudo reads.
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".new~", dir=os.path.dirname(path))
    with os.fdopen(handle, "wb") as stream:
        stream.write(entry.content)
        os.fchown(handle, entry.uid, entry.gid)
        os.fchmod(handle, entry.mode)
        stream.flush()
        os.fsync(handle)
    return temporary


def _link(path: str, target: str) -> str:
    temporary = f"{path}.new~"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(target, temporary)
    return temporary


def _validate(host: Host, change: Change) -> None:
    """Let the file's own program judge the new content before it is anywhere near the live path."""
    argv = list(change.validate)
    if not argv or change.after.kind != "file":
        return
    if host.check_mode and shutil.which(argv[0]) is None:
        return  # its package would be installed by the very run that is only being shown
    with tempfile.TemporaryDirectory() as directory:
        candidate = os.path.join(directory, os.path.basename(change.path))
        with open(candidate, "wb") as stream:
            stream.write(change.after.content)
        os.chmod(candidate, change.after.mode)
        answer = host.attempt([word.replace("%s", candidate) for word in argv])
    if answer.returncode != 0:
        raise HostError(f"{change.path} was left as it is: {argv[0]} refuses the new content: {tail(answer)}")


def _ask(host: Host, check: list[str]) -> None:
    answer = host.attempt(check)
    if answer.returncode != 0:
        raise HostError(f"`{' '.join(check)}` refuses the files, they were put back as they were: {tail(answer)}")


def _content(spec: dict[str, Any]) -> bytes:
    if spec["binary_content"] is not None:
        import base64

        return base64.b64decode(spec["binary_content"])
    text = spec["secret_content"] if spec["secret_content"] is not None else spec["content"]
    return (text or "").encode()


def _sync_directory(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
