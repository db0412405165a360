"""Settings of the running kernel (sysctl): brought into force where this host has a say in them.

A container has its machine's kernel: what is not its own there is read-only, and stays so. Such a setting is written
for boots and told as withheld; it is no failure, and nothing here makes /proc/sys writable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.vpsdeploy.host import Host

SETTINGS = Path("/proc/sys")
CONTAINER = Path("/run/systemd/container")
"""There in a container only. Source: systemd, "The Container Interface"."""

_OWN_TO_A_CONTAINER = "net."


def apply(
    host: Host, settings: dict[str, str], directory: Path = SETTINGS, container: Path = CONTAINER
) -> None:
    """Bring settings into force.

    Args:
        host: Told what was changed, and what this host has no say in (`withheld`).
        settings: Value by name, as sysctl.d(5) has them; a `*` in a name stands for every entry that is there. A name
            that this kernel does not know is passed over.
        directory: Where the kernel shows them.
        container: There where this host is a container: then the rest is its machine's, even where it is writable.
    """
    contained = container.exists()
    for name, value in sorted(settings.items(), key=_order):
        for path in _paths(directory, name):
            found = str(path.relative_to(directory)).replace("/", ".")
            _set(host, path, found, value, foreign=contained and not found.startswith(_OWN_TO_A_CONTAINER))


def _order(setting: tuple[str, str]) -> tuple[bool, str]:
    """Forwarding first: a change of it sets others anew. Source: Linux, net/ipv4/devinet.c, inet_forward_change."""
    return not setting[0].endswith("forwarding"), setting[0]


def _paths(directory: Path, name: str) -> Iterator[Path]:
    return (path for path in sorted(directory.glob(name.replace(".", "/"))) if path.is_file())


def _set(host: Host, path: Path, name: str, value: str, *, foreign: bool) -> None:
    before = _read(path)
    if before == " ".join(value.split()):
        return
    # For root too: access(2) says no where the file system is read-only or the setting another namespace's.
    if foreign or not os.access(path, os.W_OK):
        host.withheld.append(name)
        return
    if not host.check_mode and not _write(path, value):
        host.withheld.append(name)
        return
    header = f"kernel setting {name}"
    after = {"before_header": header, "after_header": header, "before": f"{before}\n", "after": f"{value}\n"}
    host.changed(f"{name} = {value}", after)


def _read(path: Path) -> str:
    """The value, with one space between its words; some can only be written."""
    try:
        return " ".join(path.read_text().split())
    except OSError:
        return ""


def _write(path: Path, value: str) -> bool:
    """Whether the kernel took it: some settings only go one way until the next boot."""
    try:
        path.write_text(f"{value}\n")
    except OSError:
        return False
    return True
