"""updates, upgrade, reboot: what Debian has mended, and bringing it into force on this host."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestrator.agent import apt, services, stale
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady

_NGINX = "nginx.service"
_REBOOT_UNIT = "vpsdeploy-reboot"
_REBOOT_DELAY_SECONDS = 1
"""Between the answer and the reboot: so long the answer has to reach the controller (our choice)."""

_STARTED = 22 - 3
"""When a process began is field 22 of its stat; field 3 comes behind its name's bracket. Source: proc_pid_stat(5)."""


def updates(call: Call) -> dict[str, Any]:
    """What waits, what runs on replaced files, whether a reboot is asked for; changes nothing but package lists."""
    if call.request.flag("refresh"):
        apt.refresh(call.systemd)
    return {"pending": _told(apt.pending(call.systemd), services.units(call)), **_standing(call)}


def upgrade(call: Call) -> dict[str, Any]:
    """Install security updates, or with `all` every update; then nginx goes on with what it was given, without a break.

    The app's instances are not touched: the controller has drained them, or leaves them as they are. With `hold` what
    restarts a database or broker of the app is left out; with `renew` one that runs replaced files is restarted.

    Returns: also `restarted`: the app's databases and brokers that were, by their packages or by us.
    """
    carried = services.units(call)
    wanted = [
        one
        for one in apt.pending(call.systemd)
        if (one.security or call.request.flag("all"))
        and not (call.request.flag("hold") and services.restarted_by(one.package, carried.values()))
    ]
    before = _runs(call, carried)
    for part in _parts(wanted, carried):
        apt.install(call.systemd, part)
    renewed = _renew_nginx(call)
    if call.request.flag("renew"):
        for unit in _behind(stale.units(call.layout.proc), carried):
            call.systemd.run_checked(["systemctl", "restart", unit])
    restarted = sorted(carried[unit] for unit, run in _runs(call, carried).items() if run != before[unit])
    call.record(
        "upgrade", old=None, new=None, result=f"{len(wanted)} packages",
        packages=[f"{one.package} {one.new}" for one in wanted], nginx_renewed=renewed, restarted=restarted,
    )  # fmt: skip
    told = _told(wanted, carried)
    return {"upgraded": told, "nginx_renewed": renewed, "restarted": restarted, **_standing(call)}


def _runs(call: Call, units: Iterable[str]) -> dict[str, str]:
    """Names the present run of each unit. Source: systemd.exec(5), INVOCATION_ID."""
    shown = call.systemd.show([*units], ["InvocationID"])
    return {unit: shown.get(unit, {}).get("InvocationID", "") for unit in units}


def reboot(call: Call) -> dict[str, Any]:
    """Restart the host, a moment after the answer. `boot` in it is the boot that ends."""
    delay = f"--on-active={_REBOOT_DELAY_SECONDS}"
    command = ["systemd-run", f"--unit={_REBOOT_UNIT}", "--collect", "--quiet", delay, "systemctl", "reboot"]
    call.systemd.run_checked(command)
    call.record("reboot", old=None, new=None, result="begun")
    return {"boot": _boot(call.layout.proc)}


def _told(upgrades: Iterable[apt.Upgrade], carried: dict[str, str]) -> list[dict[str, Any]]:
    """For the controller, with the service that each restarts."""
    return [
        {**one.told(), "restarts": services.restarted_by(one.package, carried.values())} for one in upgrades
    ]


def _parts(wanted: Iterable[apt.Upgrade], carried: dict[str, str]) -> list[list[apt.Upgrade]]:
    """What is installed at once: each database or broker by itself, last.

    Its package stops it before anything is unpacked, and starts it at the end: in one transaction each would be down
    for as long as all take.
    """

    def restarts(one: apt.Upgrade) -> str:
        return services.restarted_by(one.package, carried.values())

    return [list(part) for _, part in itertools.groupby(sorted(wanted, key=restarts), restarts)]


def _behind(units: Iterable[str], carried: dict[str, str]) -> list[str]:
    """Of units that run what an upgrade has replaced, those of the app's databases and brokers."""
    return sorted({*carried} & {*units})


def _standing(call: Call) -> dict[str, Any]:
    required = call.layout.root / "run/reboot-required"
    packages = call.layout.root / "run/reboot-required.pkgs"
    carried, units = services.units(call), stale.units(call.layout.proc)
    named = packages.read_text().split() if packages.is_file() else []
    return {
        "reboot_required": required.exists(), "reboot_for": sorted(set(named)),
        "stale": list(units), "boot": _boot(call.layout.proc),
        "behind": sorted(carried[unit] for unit in _behind(units, carried)),
        "state": call.systemd.program(["systemctl", "is-system-running"]).output.strip(),
    }  # fmt: skip


def _renew_nginx(call: Call) -> bool:
    """Let nginx start anew from its new files: the old workers answer what they have begun.

    Raises: HostNotReady: it would not.
    Source: nginx, "Upgrading Executable on the Fly"; Debian's init script carries it out, as its package does.
    """
    if _NGINX not in stale.units(call.layout.proc):
        return False
    done = call.systemd.program(["invoke-rc.d", "nginx", "upgrade"])
    if done.code != 0:
        raise HostNotReady(
            "nginx still runs what was replaced", why=done.errors.strip() or f"it ended with {done.code}",
            state="the updates are installed; nginx serves as before", next="nginx -t on the host says more",
        )  # fmt: skip
    return True


def _boot(proc: Path) -> str:
    """Names this run of the host: the kernel's boot, and when the first process began (a container's boot)."""
    try:
        kernel = (proc / "sys/kernel/random/boot_id").read_text().strip()
        first = (proc / "1/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{kernel}-{first[_STARTED]}"
