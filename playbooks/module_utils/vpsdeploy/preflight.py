"""What must be true of a host before anything on it is changed. Each finding says what to do."""

from __future__ import annotations

import json
import os
import platform
import pwd
import re
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import archives, kernel, preflight_services

PORT_SPAN = 200
"""Ports that one app reserves from its base port on; equal to orchestrator.model.pool (a test compares them)."""

DEBIAN_RELEASES = ("12", "13")
ARCHITECTURES = ("x86_64", "aarch64")
RESERVED_SLICES = ("init", "machine", "system", "user", "vpsdeploy")
_SHARED = ("trusted_addresses", "trusted_proxies")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_LISTENING = "0A"


def findings(params: dict[str, Any], root: Path = Path("/")) -> list[str]:
    """Everything that speaks against provisioning this host; empty where it can begin.

    Args:
        params: As the module vpsdeploy_preflight takes them.
        root: Where the host's files are; another directory in tests.
    """
    found = [*_system(root), *_disk(params["disk_free_min_bytes"], root)]
    app = params["app"]
    if app:
        found += [*_app_name(app, root), *_port_overlaps(app, params["port"], root)]
    if params["http_port"]:
        found += _port_taken(params["http_port"], root)
        found += _names_taken(params.get("own", ""), set(params.get("domains", ())), root)
    # Records of before there were services, or archives, have none.
    found += archives.unreachable(params.get("archives") or {}, root)
    services = params.get("services")
    if not services:
        return found
    debian = _os_release(root).get("VERSION_ID", "")
    return found + preflight_services.findings(services, params["services_app"], root, debian)


def beside(own: str, root: Path = Path("/")) -> dict[str, list[str]]:
    """Whom the other apps of this host trust: nginx and fail2ban have one list for all of them.

    Args:
        own: The app that is provisioned.
        root: As above.
    """
    others = _others(own, root).values()
    return {name: sorted({one for other in others for one in other.get(name, [])}) for name in _SHARED}


def _others(own: str, root: Path) -> dict[str, dict[str, Any]]:
    """What the host keeps of its other apps, by name."""
    paths = sorted((root / "etc/vpsdeploy/apps").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in paths if path.stem != own}


def _system(root: Path) -> list[str]:
    found = []
    release = _os_release(root)
    if release.get("ID") != "debian" or release.get("VERSION_ID") not in DEBIAN_RELEASES:
        name = release.get("PRETTY_NAME", "an unknown system")
        found.append(
            f"the host runs {name}; supported are Debian {' and '.join(DEBIAN_RELEASES)}: reinstall it with one of them"
        )
    if platform.machine() not in ARCHITECTURES:
        found.append(
            f"the host's processor is {platform.machine()}; supported are {' and '.join(ARCHITECTURES)}"
        )
    if os.geteuid() != 0:
        found.append(
            "the login is neither root nor allowed to become root: set ansible_user, or give it sudo without a password"
        )
    if not (root / "run/systemd/system").is_dir():
        found.append(
            "systemd does not run on the host (a plain container?): use a VPS, or `vpsdeploy sandbox up`"
        )
    return found


def _os_release(root: Path) -> dict[str, str]:
    try:
        lines = (root / "etc/os-release").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def facts(root: Path = Path("/")) -> dict[str, Any]:
    """What roles depend on: the Debian release, which the findings have let pass; the processor; container or not."""
    return {
        "vpsdeploy_debian": int(_os_release(root)["VERSION_ID"]), "vpsdeploy_machine": platform.machine(),
        "vpsdeploy_container": (root / kernel.CONTAINER.relative_to("/")).exists(),
    }  # fmt: skip


def _disk(minimum: int, root: Path) -> list[str]:
    free = shutil.disk_usage(root).free
    if free >= minimum:
        return []
    return [
        f"/ has {free >> 20} MiB free, {minimum >> 20} MiB are needed: make room (`du -xh / | sort -h | tail`)"
    ]


def _app_name(app: str, root: Path) -> list[str]:
    """An app's name becomes a user, a unit and a slice: it must not be one that the host already has."""
    if not _NAME.fullmatch(app):
        return [
            f"app {app!r}: begin with a letter, go on with a-z, 0-9 or dashes, at most 31: edit `app` in vpsdeploy.yml"
        ]
    if app.split("-")[0] in RESERVED_SLICES:
        return [f"app {app!r}: {app.split('-')[0]}.slice belongs to the host: edit `app` in vpsdeploy.yml"]
    if (root / "etc/vpsdeploy/apps" / f"{app}.json").exists():
        return []
    found = []
    for directory in ("usr/lib/systemd/system", "etc/systemd/system"):
        found += [
            _taken(app, f"unit {name}")
            for name in (f"{app}@.service", f"{app}.service")
            if (root / directory / name).exists()
        ]
    if _user_home(app) not in (None, f"/srv/{app}"):
        found.append(_taken(app, f"user {app}"))
    return found


def _taken(app: str, what: str) -> str:
    return f"app {app!r}: the host already has the {what}, which is not ours: edit `app` in vpsdeploy.yml"


def _user_home(name: str) -> str | None:
    try:
        return pwd.getpwnam(name).pw_dir
    except KeyError:
        return None


def _port_overlaps(app: str, port: int, root: Path) -> list[str]:
    """Two apps on one host must not reach into each other's ports."""
    found = []
    for path in sorted((root / "etc/vpsdeploy/apps").glob("*.json")):
        if path.stem == app:
            continue
        other = int(json.loads(path.read_text())["port"])
        if abs(other - port) < PORT_SPAN:
            found.append(
                f"port {port}: the app {path.stem!r} on this host has {other} to {other + PORT_SPAN - 1}, {app!r} "
                f"needs {port} to {port + PORT_SPAN - 1}: set `port` in vpsdeploy.yml to {_free_port(root, app, port)}"
            )
    return found


def _free_port(root: Path, app: str, port: int) -> int:
    """The next base port above that overlaps with no other app."""
    others = [
        json.loads(path.read_text())["port"]
        for path in (root / "etc/vpsdeploy/apps").glob("*.json")
        if path.stem != app
    ]
    while any(abs(int(other) - port) < PORT_SPAN for other in others):
        port += PORT_SPAN
    return port


def _port_taken(port: int, root: Path) -> list[str]:
    """Another web server would keep nginx from starting, halfway through."""
    programs = sorted(listeners(port, root) - {"nginx", "systemd"})
    if not programs:
        return []
    names = ", ".join(programs)
    return [f"port {port} is taken by {names}: stop and disable it (`systemctl disable --now {programs[0]}`)"]


def _names_taken(own: str, domains: set[str], root: Path) -> list[str]:
    """nginx tells its apps apart by name: of two with the same one it asks the first alone, and only warns."""
    if not own:  # a record of an older version
        return []
    found = []
    for name, other in _others(own, root).items():
        theirs = set(other.get("domains", ())) if "loadbalancer" in other.get("roles", ()) else None
        if theirs is not None and not theirs | domains:
            found.append(
                f"the app {name!r} on this host answers to every name, as {own!r} would: set `domains` in both projects"
            )
        if theirs and (both := theirs & domains):
            found.append(
                f"the app {name!r} on this host answers to {', '.join(sorted(both))} already: edit `domains`"
            )
    return found


def listeners(port: int, root: Path) -> set[str]:
    """Names of the programs that listen on a TCP port. Source: proc(5), /proc/net/tcp."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        path = root / "proc/net" / table
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        fields = [row.split() for row in rows]
        inodes |= {
            row[9] for row in fields if row[3] == _LISTENING and int(row[1].rsplit(":", 1)[1], 16) == port
        }
    return {name for inode in inodes for name in _holders(inode, root)}


def _holders(inode: str, root: Path) -> set[str]:
    names = set()
    for link in (root / "proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                names.add((link.parent.parent / "comm").read_text().strip())
        except OSError:  # the process ended while we looked
            continue
    return names
