"""backup and its kin: make, list, show, verify, prune, drill and restore backups of the app on this host."""

from __future__ import annotations

import math
import re
import time
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.backup import drill as drills
from orchestrator.agent.backup import fetch, restore, run, state, wal_base, wal_recover, wal_send, wal_state
from orchestrator.agent.backup import settings as kept
from orchestrator.agent.backup.giving_way import giving_way
from orchestrator.agent.backup.restic import WAL, Repository
from orchestrator.agent.backup.settings import Settings
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.failures import AgentError, BackupFailed, LockHeld, UsageError

_KEY = re.compile(r"password|ssh_key|known_hosts|ping_url|[a-z][a-z0-9-]{0,30}\.s3")
_PATIENCE_SECONDS = 120.0
"""For a turn of PostgreSQL's log that is under way."""

_BUSY = ("activating", "deactivating")


def keys(call: Call) -> dict[str, Any]:
    """Keep what repositories are opened with: for root alone, and only what was handed over last.

    Returns: `changed`: whether anything differs from what was there.
    """
    given = call.request.fields.get("keys")
    if not isinstance(given, dict) or not all(
        isinstance(value, str) and _KEY.fullmatch(str(name)) for name, value in given.items()
    ):
        raise UsageError("the request is wrong", why="keys is not an object of texts")
    place = call.app.backup_keys
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    changed = False
    for path in place.iterdir():
        if path.name not in given:
            durable.remove(path)
            changed = True
    for name, value in given.items():
        content = value.encode()
        if not (place / name).exists() or (place / name).read_bytes() != content:
            durable.write(place / name, content, 0o600)
            changed = True
    return {"changed": changed}


def backup(call: Call) -> dict[str, Any]:
    """One backup now, by the unit that the timer starts: with its low weight, and never beside itself.

    Raises: LockHeld: one is under way. BackupFailed: with what went wrong.
    """
    kept.read(call)
    kept.key_file(call, kept.PASSWORD)
    return _by_unit(call, call.app.backup_unit, "last")


def drill(call: Call) -> dict[str, Any]:
    """One restore drill now, by its unit."""
    found = kept.read(call)
    kept.chosen(call, found)
    return _by_unit(call, call.app.drill_unit_of_backups, "drill")


def _by_unit(call: Call, unit: str, told: str) -> dict[str, Any]:
    """Start a unit, wait for its end, and answer what it left in the state."""
    with state.alone(call, told):
        pass  # whoever is at it is named; the unit takes the lock itself
    service = f"{unit}.service"
    # One that is ending counts: systemd would have the new start share its end.
    if call.systemd.show([service], ["ActiveState"]).get(service, {}).get("ActiveState") in _BUSY:
        raise LockHeld("another backup, drill or restore is running", state="this one did nothing")
    asked = {"by": call.request.by, "change": call.request.change, "target": call.request.text("target", "")}
    call.app.backup.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.write_json(call.app.backup_asked_file, asked)
    before = time.time()
    call.systemd.forget_failures([service])
    call.systemd.ask(["systemctl", "start", service])
    found = state.read(call).get(told) or {}
    if float(found.get("at") or 0) < before - 1:
        why = call.systemd.journal(service, 10, before - 1)
        raise BackupFailed("it did not run to its end", why=why or f"systemctl status {service}")
    if found["result"] != "done":
        what = "the backup failed" if told == "last" else "the restore drill failed"
        raise BackupFailed(
            what, why=found["why"], state=_state(found, told), next="docs/runbooks/failing-backup.md"
        )
    return {told: found, **_seen(call)}


def _state(found: dict[str, Any], told: str) -> str:
    if told == "drill":
        return "the app and its data were not touched"
    done = ", ".join(found["targets"])
    return f"stored at {done}" if done else "nothing was stored; backups from before are as they were"


def by_unit(call: Call) -> dict[str, Any]:
    """What the backup's own unit calls."""
    call = run.asked(call)
    with giving_way(call):
        return {"last": run.run(call)}


def drill_by_unit(call: Call) -> dict[str, Any]:
    """What the drill's unit calls."""
    call = run.asked(call)
    with giving_way(call):
        return {"drill": drills.drill(call)}


def wal_by_unit(call: Call) -> dict[str, Any]:
    """What the unit that sends PostgreSQL's log calls; what a killed recovery has left goes, too."""
    wal_recover.sweep_left(call)
    return wal_send.by_unit(call)


def snapshots(call: Call) -> dict[str, Any]:
    """Every target's backups; a target that does not answer says why, and keeps nobody from seeing the others."""
    found = kept.read(call)
    targets: dict[str, Any] = {}
    for name in kept.chosen(call, found):
        try:
            made = Repository(call, found, name).snapshots()
            if WAL in _repositories(call, found, name):
                wal_send.refresh(call, found, name)
            targets[name] = {"snapshots": [one._asdict() for one in made], "problem": ""}
        except AgentError as error:
            targets[name] = {"snapshots": [], "problem": f"{error.what}: {error.why}"}
    return {"targets": targets, **_seen(call)}


def snapshot(call: Call) -> dict[str, Any]:
    """What one backup holds: its dumps with their tables, its files; `below` names a directory to look into."""
    found = kept.read(call)
    repository = Repository(call, found, kept.chosen(call, found)[0])
    one = fetch.snapshot(repository, call.request.text("snapshot", ""))
    below = call.request.text("below", "") or str(call.app.shared)
    with state.alone(call, "a look"), fetch.place(call.app.restored, 0) as into:
        manifest = fetch.manifest(call, repository, one, into)
    listed = repository.listing(one.id)
    inside = [node for node in listed if str(node["path"]).startswith(f"{below.rstrip('/')}/")]
    files = [
        {"path": node["path"], "type": node["type"], "size": int(node.get("size") or 0)}
        for node in inside[:1000]
    ]
    whole = sum(int(node.get("size") or 0) for node in listed if node["type"] == "file")
    return {
        "target": repository.name, "snapshot": one._asdict(), "manifest": manifest, "below": below, "files": files,
        "more": max(0, len(inside) - len(files)), "bytes": whole,
    }  # fmt: skip


def verify(call: Call) -> dict[str, Any]:
    """Read repositories: their structure, and their data, or the part of it that is asked for.

    Raises: BackupFailed: one is damaged; it is in `status` until a check is good again.
    """
    found = kept.read(call)
    part = call.request.text("part", "")
    if part and not re.fullmatch(r"\d{1,3}/\d{1,3}|\d{1,3}%", part):
        raise UsageError("the part is wrong", why="such as 10% or 1/8", state="nothing was touched")
    done, failed = list[str](), list[str]()
    with state.alone(call, "a check"):
        for name in kept.chosen(call, found):
            why = ""
            try:
                _check(Repository(call, found, name), part)
                if WAL in _repositories(call, found, name):
                    with wal_state.alone(call, _PATIENCE_SECONDS):
                        _check(Repository(call, found, name, beside=WAL), part)
                done.append(name)
            except AgentError as error:
                why = f"{error.what}: {error.why}"
                failed.append(f"{name}: {why}")
            known = state.read(call)
            state.target(known, name)["checked"] = {
                "at": time.time(), "time": timestamp(), "good": not why, "why": why
            }  # fmt: skip
            state.write(call, known)
    call.record("backup verify", old=None, new=None, result="failed" if failed else "done", targets=done)
    if failed:
        raise BackupFailed(
            "a repository cannot be trusted", why="\n".join(failed),
            state=f"good: {', '.join(done) or 'none'}", next="docs/runbooks/failing-backup.md",
        )  # fmt: skip
    return {"verified": done, "part": part, **_seen(call)}


def _check(repository: Repository, part: str) -> None:
    repository.probe()
    repository.check(part)


def prune(call: Call) -> dict[str, Any]:
    """Let go of what retention does not keep, and give its room back, now."""
    found = kept.read(call)
    left: dict[str, Any] = {}
    with state.alone(call, "a prune"):
        for name in kept.chosen(call, found):
            repository = Repository(call, found, name)
            repository.probe()
            before = len(repository.snapshots())
            repository.forget(found.keep)
            left[name] = {"before": before, "after": len(repository.snapshots())}
            if WAL in _repositories(call, found, name):
                left[name]["log_before"], left[name]["log_after"] = wal_base.prune(call, found, name)
            known = state.read(call)
            state.target(known, name)["pruned_at"] = time.time()
            state.write(call, known)
    call.record("backup prune", old=None, new=None, result="done", **left)
    return {"pruned": left, **_seen(call)}


def _repositories(call: Call, found: Settings, name: str) -> list[str]:
    """What a target has of this host: the backups' own repository, and beside it the log's where there is one."""
    has_log = found.point_in_time and wal_state.target(wal_state.read(call), name).get("made")
    return ["", WAL] if has_log else [""]


def restore_(call: Call) -> dict[str, Any]:
    """Data back (agent/backup/restore.py)."""
    return restore.restore(call)


def _seen(call: Call) -> dict[str, Any]:
    """What is known here, for people: the state and what somebody has to look at."""
    return {"backup": seen(call)}


def seen(call: Call) -> dict[str, Any] | None:
    """For `facts`: null where no backups are set up."""
    if not call.app.backup_file.exists():
        return None
    found, known = kept.read(call), state.read(call)
    shown = ("good", "drilled", "checked")
    reached = _reached(call, found)
    return {
        "targets": {
            name: {**{key: state.target(known, name).get(key) for key in shown}, "point_in_time": reached.get(name)}
            for name in found.targets
        },
        "last": known.get("last"), "drill": known.get("drill"),
        "troubles": state.troubles(call, found, known, time.time()),
    }  # fmt: skip


def _reached(call: Call, found: Settings) -> dict[str, list[dict[str, str]]]:
    """The moments that can be reached, by target; empty where no log is sent."""
    if not found.point_in_time:
        return {}
    known = wal_state.read(call)
    return {
        name: [
            # Rounded inwards: what is shown can be asked for.
            {"from": wal_state.utc(math.ceil(one.begin)), "until": wal_state.utc(one.end)}
            for one in wal_state.windows(known, name)
        ]
        for name in found.targets
    }
