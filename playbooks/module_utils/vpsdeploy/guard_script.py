"""The shell scripts of a guard: short, and readable for somebody who has nothing but the provider's console."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

REVERT = "revert"
CONFIRM = "confirm"

_HEAD = """\
#!/bin/sh
# Written by vpsdeploy. {what}
exec 9> {lock} && flock 9 || exit 1
cd {home} 2>/dev/null || {{ echo "nothing waits for a confirmation"; exit {gone}; }}
"""

GONE = 3
"""Exit code of a confirmation that comes too late (orchestrator/transport/ssh_proof.py)."""


def boot_unit(directory: Path) -> str:
    """The unit that takes back, before the network is up, what was not confirmed before the host went down."""
    return f"""\
# Managed by vpsdeploy.
[Unit]
Description=Take back changes to sshd and firewall that nobody has confirmed
ConditionPathExistsGlob={directory}/*/{REVERT}
DefaultDependencies=no
Conflicts=shutdown.target
After=local-fs.target
Wants=network-pre.target
Before=network-pre.target vpsdeploy-firewall.service ssh.service ssh.socket shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for guard in {directory}/*/{REVERT}; do /bin/sh "$guard" boot "the host was restarted"; done'

[Install]
WantedBy=multi-user.target
"""


def confirm(home: Path, token: str, timer: str, lock: str) -> str:
    """The script that ends the waiting. It is renamed away first: from then on nothing takes the change back."""
    gone = home.with_name(f".{home.name}.{token}")
    return (
        _HEAD.format(what="Confirms a change, so that the host keeps it.", lock=lock, home=home, gone=GONE)
        + f"""\
[ "$1" = {token} ] || {{ echo "another change waits for its confirmation"; exit {GONE}; }}
mv {home} {gone} && sync || exit 1
systemctl stop {timer} 2>/dev/null
systemctl --no-block stop {_service(timer)} 2>/dev/null
rm -rf {gone}
echo confirmed
"""
    )


def revert(home: Path, token: str, plan: dict[str, Any], lock: str) -> str:
    """The script that puts everything back. By hand: sh <this file>.

    What cannot be put back keeps its copy, and the script fails: it is run again.
    """
    what = "Takes back a change that nobody has confirmed. By hand: sh <this file>"
    lines = [
        _HEAD.format(what=what, lock=lock, home=home, gone=GONE).rstrip(),
        f'case "${{1:-now}}" in now|boot|{token}) ;; *) exit 0 ;; esac',
        # While this waited for the lock a second change may have been armed: its own script knows of both.
        f"grep -qs {token} {REVERT} || exit 0",
        'failed=; lost() { failed=1; echo "not put back: $1"; }',
        f'echo "taking back the change of {home.name}: ${{2:-by hand}}"',
        # At boot the units start behind us, with the files that are put back here: nothing may wait for them.
        'wait=; [ "$1" != boot ] || wait=--no-block',
        *(line for name, was in plan["units"].items() for line in _ended(name, was)),
        *(line for entry in reversed(plan["entries"]) for line in _restored(home, entry)),
        "sync",
        *(["systemctl daemon-reload"] if _touches_units(plan) else []),
        *(
            f'[ "$1" = boot ] || systemctl reload-or-restart {shlex.quote(name)}'
            for name, was in plan["units"].items()
            if was["active"]
        ),
        f'[ -z "$failed" ] || {{ echo "the rest is tried again; by hand: sh {home}/{REVERT}"; exit 1; }}',
        f"rm -rf {home}",
        f'echo "$(date -u +%FT%TZ) {home.name}: taken back: ${{2:-by hand}}" >> {home.parent}/taken-back.log',
        f"systemctl stop {plan['timer']} 2>/dev/null",
        f'case "$1" in boot|{token}) ;; *) systemctl --no-block stop {_service(plan["timer"])} 2>/dev/null ;; esac',
        "exit 0",
    ]
    return "\n".join(lines) + "\n"


def _ended(name: str, was: dict[str, bool]) -> list[str]:
    """What was not there before goes first, while its own files still say how."""
    unit = shlex.quote(name)
    return [
        *([] if was["active"] else [f"systemctl $wait stop {unit}"]),
        *([] if was["enabled"] else [f"systemctl --no-reload --quiet disable {unit}"]),
    ]


def _restored(home: Path, entry: dict[str, Any]) -> list[str]:
    return [f"{_restoring(home, entry)} || lost {shlex.quote(entry['path'])}"]


def _restoring(home: Path, entry: dict[str, Any]) -> str:
    """One command that may be run again."""
    path, owner = shlex.quote(entry["path"]), f"{entry['uid']}:{entry['gid']}"
    beside = shlex.quote(f"{entry['path']}.back~")
    if entry["kind"] == "absent" and entry["made"] == "directory":
        return f"{{ [ ! -d {path} ] || rmdir --ignore-fail-on-non-empty {path}; }}"
    if entry["kind"] == "absent":
        return f"rm -f {path}"
    if entry["kind"] == "link":
        return f"ln -sfn {shlex.quote(entry['target'])} {path}"
    if entry["kind"] == "directory":
        return f"{{ mkdir -p {path} && chown {owner} {path} && chmod {entry['mode']} {path}; }}"
    return (
        f"{{ cp {home}/{entry['copy']} {beside} && chown {owner} {beside} && chmod {entry['mode']} {beside}"
        f" && mv -f {beside} {path} || {{ rm -f {beside}; false; }}; }}"
    )


def _service(timer: str) -> str:
    return timer.removesuffix(".timer") + ".service"


def _touches_units(plan: dict[str, Any]) -> bool:
    return any(entry["path"].startswith("/etc/systemd/system/") for entry in plan["entries"])
