"""What `vpsdeploy host patch` shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.model.patch import HostPatched, HostUpdates, Patched, Upgrade
from orchestrator.report import table

_HEAD = ("host", "updates", "security", "reboot", "runs replaced files")


def text(result: Patched) -> str:
    """For people: in a rehearsal what each host would get, else what each got and what still waits."""
    if result.check:
        return "\n".join([table.render(_HEAD, map(_row, result.seen)), *_rehearsal(result)])
    lines = [f"warning: {warning}" for warning in result.warnings]
    lines += [line for host in result.hosts for line in _done(host)]
    done = {host.name for host in result.hosts}
    rest = [seen for seen in result.seen if seen.name not in done]
    if rest:
        lines.append(f"nothing to do on {', '.join(seen.name for seen in rest)}")
    lines += [line for seen in result.seen for line in _held(seen.name, result)]
    lines += [
        f"    {seen.name} still runs files that were replaced, until it is restarted (--reboot): {' '.join(seen.stale)}"
        for seen in rest
        if seen.stale
    ]
    return "\n".join(lines)


def fields(result: Patched) -> dict[str, Any]:
    """For programs (kind "host_patch")."""
    done = {host.name: host for host in result.hosts}
    return {
        "stage": result.stage, "check": result.check, "seconds": round(result.seconds, 3),
        "hosts": [_host(seen, done.get(seen.name), result) for seen in result.seen],
        "warnings": list(result.warnings),
    }  # fmt: skip


def _host(seen: HostUpdates, done: HostPatched | None, result: Patched) -> dict[str, Any]:
    now = done or seen
    return {
        "name": seen.name, "pending": [_upgrade(one) for one in seen.wanted(everything=result.everything)],
        "upgraded": [_upgrade(one) for one in done.upgraded] if done else [],
        "held": [_upgrade(one) for one in result.held[seen.name]],
        "restarted": list(done.restarted) if done else [],
        "drained": bool(done and done.drained), "rebooted": bool(done and done.rebooted),
        "reboot_required": now.reboot_required, "stale": list(now.stale),
        "seconds": round(done.seconds, 3) if done else 0.0,
    }  # fmt: skip


def _upgrade(one: Upgrade) -> dict[str, Any]:
    return {
        "package": one.package, "from": one.old, "to": one.new, "security": one.security, "restarts": one.restarts
    }  # fmt: skip


def _row(seen: HostUpdates) -> tuple[str, ...]:
    security = sum(one.security for one in seen.pending)
    reboot = "required" if seen.reboot_required else "no"
    return (seen.name, str(len(seen.pending)), str(security), reboot, " ".join(seen.stale) or "none")


def _rehearsal(result: Patched) -> Iterator[str]:
    for seen in result.seen:
        wanted = seen.wanted(everything=result.everything)
        if wanted:
            yield ""
            yield f"{seen.name} would get:"
            yield from (f"    {_line(one)}" for one in wanted)
    yield ""
    yield "nothing was upgraded: this was a rehearsal"


def _held(name: str, result: Patched) -> Iterator[str]:
    """What was left out, and how it comes."""
    if held := result.held[name]:
        kinds = ", ".join(sorted({one.restarts for one in held}))
        yield f"left out on {name}, because it restarts {kinds} (vpsdeploy host patch {name} --allow-outage brings it):"
        yield from (f"    {_line(one)}" for one in held)


def _done(host: HostPatched) -> Iterator[str]:
    what = [f"{len(host.upgraded)} package{'' if len(host.upgraded) == 1 else 's'} upgraded"]
    what += ["taken out meanwhile"] if host.drained else []
    what += [f"{kind} restarted" for kind in host.restarted]
    what += ["restarted"] if host.rebooted else []
    yield f"{host.name}: {', '.join(what)} ({table.duration(host.seconds)})"
    yield from (f"    {_line(one)}" for one in host.upgraded)
    if host.reboot_required:
        yield f"    still waits for a reboot: vpsdeploy host patch {host.name} --allow-outage, when it suits"
    if host.stale:
        yield f"    still run files that were replaced: {' '.join(host.stale)}"


def _line(one: Upgrade) -> str:
    notes = ["security"] if one.security else []
    notes += [f"restarts {one.restarts}"] if one.restarts else []
    return f"{one.package} {one.old} -> {one.new}" + (f" ({', '.join(notes)})" if notes else "")
