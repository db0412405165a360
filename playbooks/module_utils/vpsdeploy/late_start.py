"""Packages whose services start when all of them are there, not one after the other in the middle of dpkg's work.

Debian's scripts reload systemd and start each service with Debian's own settings: a quarter of the installation's
time, and nginx shows Debian's page until its role comes. So systemd is out of reach while apt runs, as where an image
is built, and afterwards what Debian would have started is started at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible.module_utils.vpsdeploy.host import Host

NOTE = Path("/run/vpsdeploy/installing.json")
"""What was installed before: whoever comes after a call that was killed starts what that one did not come to.
Gone after a reboot, which starts everything by itself."""

_OUT_OF_REACH = {"SYSTEMD_OFFLINE": "1"}
"""Source: docs/ENVIRONMENT.md of systemd: systemctl refrains from talking to PID 1, as in a chroot."""

_HOOK = "DPkg::Pre-Install-Pkgs"
_ONLY_NEW = [
    "-o", f"{_HOOK}::=/usr/bin/awk 'body && $2 != \"-\" {{ exit 1 }} /^$/ {{ body = 1 }}'",
    "-o", "DPkg::Tools::Options::/usr/bin/awk::Version=3",
]  # fmt: skip
"""Ends the transaction before it begins where a package would be upgraded or removed: what runs already must be
restarted by Debian's own rules. The second word of a line is the version that is there. Source: apt.conf(5)."""

_UNIT = re.compile(r"/(?:usr/)?lib/systemd/system/(?P<unit>[^/@]+\.(?:service|socket|timer|path))")
_SCRIPT = re.compile(r"/etc/init\.d/(?P<script>[^/]+)")


def install(
    host: Host, argv: list[str], left: Sequence[str], timeout_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run apt, and start then what its new packages brought. Whoever calls is `alone`.

    Args:
        host: Where.
        argv: apt-get, its options and what to install.
        left: Units that somebody else starts.
        timeout_seconds: Longest time for apt.
    """
    _note(host)
    try:
        answer = host.attempt([argv[0], *_ONLY_NEW, *argv[1:]], timeout_seconds, _OUT_OF_REACH)
    finally:
        _start(host, left)
    if answer.returncode != 0 and _HOOK in answer.stderr:
        return host.attempt(argv, timeout_seconds)
    return answer


def catch_up(host: Host, left: Sequence[str]) -> None:
    """Start what a call that was killed did not come to; nothing to do where none was, or where one is at work."""
    with alone(wait=False) as nobody_else:
        if nobody_else and NOTE.exists():
            _start(host, left)


def _start(host: Host, left: Sequence[str]) -> None:
    """As with Debian's own scripts it is no error where a service does not start: its role looks at its state."""
    new = sorted(_installed(host) - set(json.loads(NOTE.read_text())))
    if new and not host.check_mode:
        host.run(["systemctl", "daemon-reload"])
    wanted = [unit for unit in _waiting(host, _units(host, new)) if unit not in left] if new else []
    if wanted:
        host.changed(f"{' '.join(wanted)}: start")
    if not host.check_mode:
        if wanted:
            host.attempt(["systemctl", "start", "--", *wanted])
        NOTE.unlink()


@contextlib.contextmanager
def alone(wait: bool) -> Iterator[bool]:
    """Whether no other call installs; the kernel gives it back whatever kills us."""
    NOTE.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(NOTE.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        nobody_else = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            nobody_else = False
        yield nobody_else
    finally:
        os.close(descriptor)


def _note(host: Host) -> None:
    if not NOTE.exists():
        draft = NOTE.with_suffix(".new")
        draft.write_text(json.dumps(sorted(_installed(host))))
        draft.replace(NOTE)


def _installed(host: Host) -> set[str]:
    lines = host.run(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${binary:Package}\n"]
    ).splitlines()
    return {line.split()[1] for line in lines if line.startswith("installed ")}


def _units(host: Host, packages: list[str]) -> list[str]:
    """The units that packages have, and the services that systemd makes of their init scripts."""
    found: dict[str, None] = {}
    for path in host.run(["dpkg-query", "--listfiles", *packages]).splitlines():
        if match := _UNIT.fullmatch(path):
            found[match["unit"]] = None
        elif match := _SCRIPT.fullmatch(path):
            found[f"{match['script']}.service"] = None
    return list(found)


def _waiting(host: Host, units: list[str]) -> list[str]:
    """Those that start at boot and do not run yet."""
    if not units:
        return []
    text = host.run(["systemctl", "show", "--property=Id,UnitFileState,ActiveState", "--", *units])
    states = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")
    ]
    return [
        state["Id"]
        for state in states
        if state.get("UnitFileState") in ("enabled", "generated") and state.get("ActiveState") == "inactive"
    ]
