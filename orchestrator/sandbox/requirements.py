"""What this machine must have before anything is made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import SandboxError

# Program to Debian package. `make deps` installs all of these packages.
PROGRAMS = {
    "podman": "podman", "crun": "crun", "mmdebstrap": "mmdebstrap", "iptables": "iptables", "nft": "nftables",
    "ssh-keygen": "openssh-client", "ip": "iproute2", "nsenter": "util-linux", "apt-config": "apt",
}  # fmt: skip
# netavark is no program on the PATH.
_NETAVARK = tuple(
    Path(place) / "netavark"
    for place in ("/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman")
)
HOST_MEMORY_BYTES = 192 * 1024**2
HOST_WATCHES = 8
"""inotify instances that one host takes (count): 6 were counted with systemd 252 and 257, and a margin for its boot."""

_WATCHES_LIMIT = "fs.inotify.max_user_instances"


def check(which: Callable[[str], str | None] = shutil.which, uid: Callable[[], int] = os.geteuid) -> None:
    """Refuse early, with everything that is missing in one message.

    Raises: SandboxError
    """
    if uid() != 0:
        why = "hosts with systemd and addresses of their own need root"
        raise SandboxError(
            "the sandbox needs root", why=why, state="nothing was changed", next="sudo vpsdeploy sandbox up"
        )
    missing = {package for program, package in PROGRAMS.items() if not which(program)}
    if "podman" not in missing and not any(path.exists() for path in _NETAVARK):
        missing.add("netavark")
    if missing:
        packages = " ".join(sorted(missing))
        what = "programs for the sandbox are missing"
        next_step = f"apt-get install --no-install-recommends {packages}"
        raise SandboxError(
            what, why=f"missing packages: {packages}", state="nothing was changed", next=next_step
        )


def check_memory(new_hosts: int, meminfo: Path = Path("/proc/meminfo")) -> None:
    """Refuse more hosts than the machine has memory for.

    Raises: SandboxError
    """
    fields = dict(line.split(":", 1) for line in meminfo.read_text("utf-8").splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    if free < new_hosts * HOST_MEMORY_BYTES:
        why = f"{free // 1024**2} MiB free, {new_hosts} x {HOST_MEMORY_BYTES // 1024**2} MiB needed"
        raise SandboxError(
            "not enough memory for the hosts",
            why=why,
            state="nothing was changed",
            next="ask for fewer --hosts",
        )


def check_watches(new_hosts: int, proc: Path = Path("/proc")) -> None:
    """Refuse more hosts than the kernel lets root watch files for: units would fail at boot, each in its own way.

    All hosts and root's own programs share one allowance. Source: inotify(7), /proc interfaces.

    Raises: SandboxError
    """
    limit = int((proc / "sys" / _WATCHES_LIMIT.replace(".", "/")).read_text("utf-8"))
    free = limit - sum(map(_watches, proc.glob("[0-9]*")))
    if free < new_hosts * HOST_WATCHES:
        raise SandboxError(
            "the kernel allows too few inotify instances for the hosts",
            why=f"{free} of {limit} are free, {new_hosts} x {HOST_WATCHES} needed",
            state="nothing was changed",
            next=f"ask for fewer --hosts, or: sysctl -w {_WATCHES_LIMIT}={limit + 1024}",
        )


def _watches(process: Path) -> int:
    try:
        return sum(map(_is_watch, (process / "fd").iterdir()))
    except OSError:  # it has ended, or is not ours
        return 0


def _is_watch(link: Path) -> bool:
    try:
        return str(link.readlink()) == "anon_inode:inotify"
    except OSError:  # the process has ended, or is not ours
        return False
