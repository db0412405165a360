"""What `vpsdeploy backup` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.model.backup import HostBackups, Keys, Listed, Ran, TargetState
from orchestrator.report import table

_HEAD = ("host", "target", "newest", "size", "files", "databases", "restored", "took", "age then")
_LOSS = (
    "Whoever loses both loses the backups: keep a copy elsewhere (vpsdeploy backup reveal RESTIC_PASSWORD)."
)
_UNPROVEN = "never: unproven"


def text(ran: Ran) -> str:
    """For people: what is known of each target, first what somebody has to look at."""
    lines = [f"warning: {line}" for line in troubles(ran.hosts)]
    lines += [f"no answer from {name}: {why}" for name, why in ran.silent.items()]
    rows = [_row(name, one) for name, host in ran.hosts.items() for one in host.targets]
    return "\n".join([*lines, table.render(_HEAD, rows), *_moments(ran)])


def _moments(ran: Ran) -> Iterator[str]:
    """What can be restored of PostgreSQL beside the backups' own moments, and how that was proven."""
    for name, host in ran.hosts.items():
        for one in host.targets:
            if one.moments is None:
                continue
            spans = ", ".join(f"{begin} to {end}" for begin, end in one.moments) or "none yet"
            reached = one.drilled.reached if one.drilled else None
            proof = (
                f"; brought to {reached.moment} by a drill, {reached.rows} rows" if reached else "; unproven"
            )
            yield f"PostgreSQL of {name} at any moment from {one.name}: {spans}{proof}"


def troubles(hosts: dict[str, HostBackups]) -> list[str]:
    """One line each, with the host."""
    return [f"backups of {name}: {text}" for name, host in hosts.items() for text in host.troubles]


def listed_text(ran: Ran, found: tuple[Listed, ...]) -> str:
    """The same, and every backup that there is."""
    lines = [text(ran)]
    for one in found:
        lines += ["", f"{one.host}, {one.target}: " + (one.problem or f"{len(one.snapshots)} backups")]
        lines += [f"  {snapshot.id}  {snapshot.time[:19]}Z" for snapshot in reversed(one.snapshots)]
    return "\n".join(lines)


def _row(host: str, one: TargetState) -> tuple[str, ...]:
    good, drilled = one.good, one.drilled
    databases = ", ".join(f"{name} {size(count)}" for name, count in good.databases.items()) if good else ""
    made = (good.time, size(good.size_bytes), str(good.files)) if good else ("none", "-", "-")
    proven = (
        (drilled.time, table.duration(drilled.seconds), table.duration(drilled.age_seconds))
        if drilled
        else (_UNPROVEN, "-", "-")
    )
    return (host, one.name, *made, databases or "-", *proven)


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def fields(ran: Ran) -> dict[str, Any]:
    """For programs."""
    return {
        "stage": ran.stage, "hosts": [{"name": name, "backup": of(host)} for name, host in ran.hosts.items()],
        "unreachable": [{"name": name, "why": why} for name, why in ran.silent.items()],
    }  # fmt: skip


def listed_fields(ran: Ran, found: tuple[Listed, ...]) -> dict[str, Any]:
    """For programs (kind "backups")."""
    shown = [
        {
            "host": one.host, "target": one.target, "problem": one.problem,
            "snapshots": [{"id": snapshot.id, "time": snapshot.time} for snapshot in one.snapshots],
        } for one in found
    ]  # fmt: skip
    return {**fields(ran), "repositories": shown}


def of(backups: HostBackups | None) -> dict[str, Any] | None:
    """One host's, for programs; null where no backups are set up."""
    if backups is None:
        return None
    return {"targets": [_target(one) for one in backups.targets], "troubles": list(backups.troubles)}


def _target(one: TargetState) -> dict[str, Any]:
    good, drilled = one.good, one.drilled
    return {
        "name": one.name, "intact": one.intact,
        "point_in_time": None if one.moments is None else [{"from": begin, "until": end} for begin, end in one.moments],
        "good": good and {
            "time": good.time, "snapshot": good.snapshot, "bytes": good.size_bytes, "files": good.files,
            "databases": good.databases,
        },
        "drilled": drilled and {
            "time": drilled.time, "snapshot": drilled.snapshot, "seconds": drilled.seconds,
            "age_seconds": drilled.age_seconds, "rows": drilled.rows, "checks": drilled.checks,
            "point_in_time": drilled.reached and {
                "moment": drilled.reached.moment, "seconds": drilled.reached.seconds, "rows": drilled.reached.rows,
                "checks": drilled.reached.checks,
            },
        },
    }  # fmt: skip


def shown_text(host: str, answer: dict[str, Any]) -> str:
    """One backup: its dumps with their tables, and its files."""
    manifest, one = answer["manifest"], answer["snapshot"]
    lines = [
        f"backup {one['id']} of {host} at {answer['target']}: data of {manifest['time']}, {size(answer['bytes'])}"
    ]
    for dump in manifest["dumps"]:
        version = dump["about"].get("version", "")
        lines += ["", f"database {dump['database']} ({dump['kind']} {version}), {size(dump['bytes'])}"]
        lines += [f"  {name}  {rows} rows" for name, rows in dump["rows"].items()]
    lines += ["", f"files below {answer['below']}"]
    lines += list(_files(answer)) or ["  none"]
    return "\n".join(lines)


def _files(answer: dict[str, Any]) -> Iterator[str]:
    for one in answer["files"]:
        name = one["path"].removeprefix(answer["below"]).lstrip("/")
        yield f"  {name}/" if one["type"] == "dir" else f"  {name}  {size(one['size'])}"
    if answer["more"]:
        yield f"  and {answer['more']} more: name a directory with --below"


def shown_fields(stage: str, host: str, answer: dict[str, Any]) -> dict[str, Any]:
    """For programs (kind "backup_shown")."""
    dumps = [
        {key: one[key] for key in ("kind", "database", "bytes", "rows")}
        for one in answer["manifest"]["dumps"]
    ]
    return {
        "stage": stage, "host": host, "target": answer["target"], "id": answer["snapshot"]["id"],
        "time": answer["manifest"]["time"], "bytes": answer["bytes"], "databases": dumps, "below": answer["below"],
        "files": answer["files"], "more": answer["more"],
    }  # fmt: skip


def restored_text(host: str, answer: dict[str, Any]) -> str:
    """What is back, and what was kept of what was there."""
    lines = [
        f"restored on {host} from backup {answer['snapshot']} (data of {answer['backup_time']}, {answer['target']})"
    ]
    lines += [f"  {line}" for line in answer["restored"]]
    lines += [f"kept: {line}" for line in answer["kept"]]
    return "\n".join([*lines, f"took {table.duration(answer['seconds'])}"])


def restored_fields(stage: str, host: str, answer: dict[str, Any]) -> dict[str, Any]:
    """For programs (kind "restored")."""
    names = ("target", "snapshot", "backup_time", "seconds", "restored", "kept")
    return {"stage": stage, "host": host, **{name: answer[name] for name in names}}


def keys_text(keys: Keys) -> str:
    """Names and digests, never a value."""
    rows = [(one.name, str(one.size_bytes), one.digest, one.by, one.at) for one in keys.keys]
    lines = [table.render(("name", "bytes", "digest", "by", "at"), rows) if rows else "no keys yet"]
    lines += [f"missing: {name}: vpsdeploy backup set {name}" for name in keys.missing]
    if keys.public_key:
        lines += ["", "for authorized_keys of the SFTP targets:", keys.public_key]
    lines += ["", f"kept in {keys.file}, encrypted with the key of the secrets of {keys.stage}. {_LOSS}"]
    return "\n".join(lines)


def keys_fields(keys: Keys) -> dict[str, Any]:
    """For programs (kind "backup_keys")."""
    shown = [
        {"name": one.name, "bytes": one.size_bytes, "digest": one.digest, "by": one.by, "at": one.at}
        for one in keys.keys
    ]
    return {"stage": keys.stage, "file": keys.file, "keys": shown, "missing": list(keys.missing),
            "public_key": keys.public_key or None}  # fmt: skip
