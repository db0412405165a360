"""A change that could cut off its owner: the host takes it back by itself unless a fresh login confirms it in time.

Before anything changes, what was there is copied to a directory of the guard, with a shell script that puts it back; a
timer of systemd runs that script, and so does the next boot. Both are plain files: whoever sits at the provider's
console runs the script by hand. A second run within the time keeps the oldest copies: they were the proven ones.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import guard_script
from ansible.module_utils.vpsdeploy.entries import Entry
from ansible.module_utils.vpsdeploy.files import Change
from ansible.module_utils.vpsdeploy.host import Host
from ansible.module_utils.vpsdeploy.put import put

DIRECTORY = Path("/var/lib/vpsdeploy/guard")
"""One directory for each guard that is armed; root's own, on disk: a reboot takes the change back too."""

BOOT_UNIT = Path("/etc/systemd/system/vpsdeploy-guard.service")
_WANTED = BOOT_UNIT.parent / "multi-user.target.wants" / BOOT_UNIT.name
_LOCK = "/run/vpsdeploy-guard.lock"
_AGAIN_SECONDS = 30
"""Pause after which a way back that failed (a full disk) is tried again (our choice)."""

_PROPERTIES = "ActiveState,UnitFileState"
_ENABLED = ("enabled", "static", "indirect", "alias")


@dataclass(frozen=True)
class Armed:
    """A guard that waits for its confirmation.

    Attributes:
        name: Of the guard.
        token: Of this arming: an older timer or a late confirmation has another one.
        seconds: Until the host takes the change back.
        confirm: What confirms it, as root.
    """

    name: str
    token: str
    seconds: int
    confirm: str


def files() -> list[dict[str, Any]]:
    """What a host with guards has: the unit that takes back at boot what nobody confirmed before."""
    common = {
        "owner": "root", "group": "root", "mode": "0644", "binary_content": None,
        "secret_content": None, "validate": [], "content": None, "target": None,
    }  # fmt: skip
    unit = {**common, "path": str(BOOT_UNIT), "state": "file", "content": guard_script.boot_unit(DIRECTORY)}
    return [unit, {**common, "path": str(_WANTED), "state": "link", "target": str(BOOT_UNIT)}]


@contextmanager
def held(lock: str = _LOCK) -> Iterator[None]:
    """Keep every guard's scripts from running meanwhile."""
    with Path(lock).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pending(name: str, directory: Path = DIRECTORY) -> bool:
    """Whether an earlier change waits for its confirmation."""
    return (directory / name / guard_script.REVERT).exists()


def all_pending(directory: Path = DIRECTORY) -> list[str]:
    """The guards whose change waits; not one whose confirmation died before it had removed what it renamed."""
    return sorted(path.parent.name for path in directory.glob(f"[!.]*/{guard_script.REVERT}"))


def arm(
    host: Host,
    name: str,
    seconds: int,
    changes: list[Change],
    units: list[dict[str, Any]],
    directory: Path = DIRECTORY,
) -> Armed:
    """Have the host take these changes back after some seconds; call it within `held`, before they are made."""
    home, token = directory / name, secrets.token_hex(4)
    for path in (directory, home):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan = _merged(_read(home), [change for change in changes if change.path not in (BOOT_UNIT, _WANTED)])
    plan["units"] = _states(host, [unit["name"] for unit in units]) | plan["units"]
    older = plan.get("timer", "")
    plan["timer"] = timer = f"vpsdeploy-guard-{name}-{token}.timer"
    _keep(home, changes, plan)
    # The new timer first, then what it runs, then away with the old one: at no moment is there none.
    host.run([
        "systemd-run", "--quiet", "--collect", f"--unit={timer.removesuffix('.timer')}", f"--on-active={seconds}s",
        "--timer-property=AccuracySec=1s", "--property=Restart=on-failure", f"--property=RestartSec={_AGAIN_SECONDS}",
        "/bin/sh", str(home / guard_script.REVERT), token, f"nobody confirmed it within {seconds} s",
    ])  # fmt: skip
    confirm = guard_script.confirm(home, token, timer, _LOCK)
    put(home / guard_script.CONFIRM, Entry("file", content=confirm.encode(), mode=0o700))
    revert = guard_script.revert(home, token, plan, _LOCK)
    put(home / guard_script.REVERT, Entry("file", content=revert.encode(), mode=0o700))
    if older:
        host.attempt(["systemctl", "stop", older])
    script = shlex.quote(str(home / guard_script.CONFIRM))
    asked = f"test -e {script} || exit {guard_script.GONE}; exec /bin/sh {script} {token}"
    return Armed(name, token, seconds, f"/bin/sh -c {shlex.quote(asked)}")


def take_back(host: Host, name: str, why: str, directory: Path = DIRECTORY) -> bool:
    """Take an armed change back now; whether there was one."""
    if not pending(name, directory):
        return False
    host.run(["/bin/sh", str(directory / name / guard_script.REVERT), "now", why], timeout_seconds=120)
    return True


def _read(home: Path) -> dict[str, Any]:
    if not (home / guard_script.REVERT).exists():  # confirmed, taken back, or never armed to the end
        shutil.rmtree(home)
        home.mkdir(mode=0o700)
        return {"entries": [], "units": {}}
    plan: dict[str, Any] = json.loads((home / "plan.json").read_text())
    return plan


def _merged(plan: dict[str, Any], changes: list[Change]) -> dict[str, Any]:
    known = {entry["path"] for entry in plan["entries"]}
    fresh = [change for change in changes if str(change.path) not in known]
    first = len(plan["entries"])
    entries = [*plan["entries"], *(_entry(first + n, change) for n, change in enumerate(fresh))]
    return {**plan, "entries": entries}


def _entry(number: int, change: Change) -> dict[str, Any]:
    before = change.before
    return {
        "path": str(change.path), "kind": before.kind, "mode": f"{before.mode:04o}", "uid": before.uid,
        "gid": before.gid, "target": before.target, "copy": f"{number:03d}", "made": change.after.kind,
    }  # fmt: skip


def _keep(home: Path, changes: list[Change], plan: dict[str, Any]) -> None:
    before = {str(change.path): change.before for change in changes}
    for entry in plan["entries"]:
        copy = home / entry["copy"]
        if entry["kind"] == "file" and not copy.exists():
            content = before[entry["path"]].content
            put(copy, Entry("file", content=content, mode=0o600))
    put(home / "plan.json", Entry("file", content=json.dumps(plan, indent=1).encode(), mode=0o600))


def _states(host: Host, names: list[str]) -> dict[str, dict[str, bool]]:
    """How the units were, by name."""
    if not names:
        return {}
    text = host.run(["systemctl", "show", f"--property={_PROPERTIES}", "--", *names])
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return {
        name: {
            # One that failed was meant to run: to stop it on the way back would open a firewall that had failed closed.
            "active": block.get("ActiveState") in ("active", "activating", "reloading", "failed"),
            "enabled": block.get("UnitFileState") in _ENABLED,
        }
        for name, block in zip(names, blocks, strict=True)
    }
