"""What provisioning tells: the summary for people, the fields for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.errors import ProvisionFailed
from orchestrator.model.provision import Change, HostResult, ProvisionResult

UNTOUCHED = "nothing was changed"
"""What the preflight says of a host that it refuses (playbooks/library/vpsdeploy_preflight.py)."""

_HEADINGS = ("host", "ok", "changed", "failed", "unreachable", "seconds")


def fields(result: ProvisionResult) -> dict[str, Any]:
    """The result for --json (kind "provision")."""
    return {
        "stage": result.stage,
        "check": result.check,
        "seconds": round(result.seconds, 3),
        "hosts": [_host_fields(host) for host in result.hosts],
        "services": [
            {"service": one.service, "host": one.host, "variable": one.variable, "changed": list(one.changed)}
            for one in result.services
        ],
    }


def _host_fields(host: HostResult) -> dict[str, Any]:
    counts = host.counts
    return {
        "name": host.name, "ok": counts.ok, "changed": counts.changed, "failed": counts.failed,
        "unreachable": counts.unreachable, "module_calls": host.module_calls,
        "seconds": round(host.seconds, 3),
        "audited": host.audited, "withheld": list(host.withheld),
        "notices": list(host.notices),
        "changes": [{"task": c.task, "items": list(c.items), "diff": c.diff} for c in host.changes],
    }  # fmt: skip


def text(result: ProvisionResult) -> str:
    """The result for people: in a rehearsal the diffs, then the table and a line that says what is true now."""
    lines = [*(_diffs(result) if result.check else ()), *_table(result.hosts), *_withheld(result.hosts)]
    lines += [f"warning: {host.name}: {text}" for host in result.hosts for text in host.notices]
    lines += [
        f"{one.host}: {one.service}: {', '.join(one.changed)}" for one in result.services if one.changed
    ]
    if not result.failures:
        lines += ["", _conclusion(result)]
    return "\n".join(lines)


def failure(result: ProvisionResult) -> ProvisionFailed | None:
    """The first failure in full; None where there is none."""
    if not result.failures:
        return None
    first, hosts = result.failures[0], " ".join(failed.host for failed in result.failures)
    return ProvisionFailed(
        f"provisioning failed on {_several(result)}" if len(result.failures) > 1 else "provisioning failed",
        host=f"{first.host} ({result.stage})",
        step=first.task,
        why=first.why,
        state=_state(result),
        next=f"{first.next or 'put that right, then'}: vpsdeploy provision host {hosts} --stage {result.stage}",
    )


def _several(result: ProvisionResult) -> str:
    return f"{len(result.failures)} of {len(result.hosts)} hosts, first"


def _state(result: ProvisionResult) -> str:
    if result.check:
        return "nothing was changed: this was a rehearsal"
    failed = {f.host for f in result.failures}
    done = [host.name for host in result.hosts if host.name not in failed]
    rest = f"; complete: {', '.join(done)}" if done else ""
    if all(f.state == UNTOUCHED for f in result.failures):
        return f"{UNTOUCHED} on {', '.join(f.host for f in result.failures)}{rest}"
    state = result.failures[0].state
    told = f"{state}; " if state not in ("", UNTOUCHED) else ""
    return f"{told}what was done before the failure stays, and running it again is safe{rest}"


def _conclusion(result: ProvisionResult) -> str:
    changed = sum(host.counts.changed for host in result.hosts) + sum(
        bool(s.changed) for s in result.services
    )
    if result.check:
        return f"nothing was changed: {_tasks(changed)} would change something"
    if changed:
        return f"{_tasks(changed)} changed something"
    alike = "; each host was audited against its last run (--full runs Ansible all the same)"
    return "nothing had to be changed" + (alike if all(host.audited for host in result.hosts) else "")


def _withheld(hosts: tuple[HostResult, ...]) -> Iterator[str]:
    """What is not in force, once for all hosts that it is true of."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for host in hosts:
        if host.withheld:
            alike.setdefault(host.withheld, []).append(host.name)
    for settings, names in alike.items():
        where = f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
        yield ""
        yield f"{where} no say in {len(settings)} settings of the kernel (a container): not in force"
        yield f"    {' '.join(settings)}"


def _tasks(number: int) -> str:
    return f"{number or 'no'} task{'' if number == 1 else 's'}"


def _table(hosts: tuple[HostResult, ...]) -> Iterator[str]:
    rows = [_HEADINGS, *(_row(host) for host in hosts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join([row[0].ljust(widths[0]), *numbers])


def _row(host: HostResult) -> tuple[str, ...]:
    c = host.counts
    return (host.name, str(c.ok), str(c.changed), str(c.failed), str(c.unreachable), f"{host.seconds:.1f}")


def _diffs(result: ProvisionResult) -> Iterator[str]:
    for host in result.hosts:
        for change in host.changes:
            yield from _change(host.name, change)


def _change(host: str, change: Change) -> Iterator[str]:
    yield f"{host}: {change.task}"
    if change.diff:
        yield from (f"    {line}" for line in change.diff.splitlines())
    else:
        yield from (f"    {item}" for item in change.items)
    yield ""
