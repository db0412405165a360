"""A host's own variables: read for both Ansible and our own SSH, so both must understand them alike."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.config.groups import HostEntry
from orchestrator.config.problems import KeyPath, shown
from orchestrator.model.fleet import Host

DEFAULT_USER = "root"
"""Whom Ansible logs in as where the inventory does not say."""

LAST_PORT = 65535
"""Highest TCP port."""

DEFAULT_ADMIN = "admin"
"""The user that provisioning makes for people; equal to access_admin_user of the role (a test compares them)."""

DEPLOY_USER = "deploy"
"""The user that provisioning makes; it may run the agent and nothing else."""

_OLD_NAME = "use {} (this older name is Ansible's alone)"
REFUSED = {
    "ansible_ssh_host": _OLD_NAME.format("ansible_host"),
    "ansible_ssh_port": _OLD_NAME.format("ansible_port"),
    "ansible_ssh_user": _OLD_NAME.format("ansible_user"),
    "ansible_private_key_file": _OLD_NAME.format("ansible_ssh_private_key_file"),
    "ansible_password": "log in with a key: vpsdeploy turns password logins off",
    "ansible_ssh_pass": "log in with a key: vpsdeploy turns password logins off",
    "ansible_ssh_password": "log in with a key: vpsdeploy turns password logins off",
    "ansible_connection": "hosts are reached by SSH only",
    "ansible_ssh_common_args": "releases would connect without these arguments",
    "ansible_ssh_extra_args": "releases would connect without these arguments",
    "ansible_ssh_args": "releases would connect without these arguments",
    "ansible_group_priority": "the order of groups is by depth and name only",
}
"""Variables that would make Ansible and releases connect in two ways, with what to do instead."""

_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class _Wrong(ValueError):
    """A variable has a value that it cannot have; says what it may have."""


def host_of(entry: HostEntry) -> tuple[Host | None, list[tuple[KeyPath, str]]]:
    """The host of an inventory entry, or what is wrong with its connection variables and where."""
    values: dict[str, Any] = {}
    wrong: list[tuple[KeyPath, str]] = []
    for variable, read in _READERS.items():
        written = entry.variables.get(variable)
        if written is None:
            continue
        try:
            values[variable] = read(written.value)
        except _Wrong as error:
            seen = "an empty value" if written.value is None else shown(str(written.value))
            wrong.append((written.path, f"{seen} is not allowed; it must be {error}"))
    return (None if wrong else _host(entry, values)), wrong


def _host(entry: HostEntry, values: dict[str, Any]) -> Host:
    address = values.get("ansible_host", entry.name)
    return Host(
        name=entry.name,
        address=address,
        private_address=values.get("vpsdeploy_private_address", address),
        port=values.get("ansible_port", 22),
        user=values.get("ansible_user", DEFAULT_USER),
        admin_user=values.get("access_admin_user", DEFAULT_ADMIN),
        key_file=values.get("ansible_ssh_private_key_file"),
        groups=entry.groups,
        reboot_at=values.get("vpsdeploy_reboot_at", ""),
    )


def is_address(text: str) -> bool:
    """Whether this is an IP address or a host name."""
    return _is_ip(text) or (_NAME.fullmatch(text) is not None and not _looks_numeric(text))


def _address(value: Any) -> str:
    if isinstance(value, str) and is_address(value):
        return value
    raise _Wrong("an IP address or a host name")


def _looks_numeric(value: str) -> bool:
    """203.0.113.1000 would pass as a name: numbers with dots are meant as an address."""
    return value.replace(".", "").isdigit()


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _port(value: Any) -> int:
    text = str(value)
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > LAST_PORT:
        raise _Wrong(f"a port from 1 to {LAST_PORT}")
    return int(text)


def _user(value: Any) -> str:
    if not isinstance(value, str) or not _USER.fullmatch(value) or value == DEPLOY_USER:
        raise _Wrong(f"root or a user who may use sudo (not {DEPLOY_USER}: it may run the agent only)")
    return value


def _admin(value: Any) -> str:
    return "" if value == "" else _user(value)


def _key_file(value: Any) -> Path:
    if not isinstance(value, str) or not re.fullmatch(r"(/|~/)[^\x00-\x1f{}]+", value):
        raise _Wrong("an absolute path, or one that starts with ~/")
    return Path(value).expanduser()


def _time_of_day(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise _Wrong('a time of day in quotes, "03:30"')  # without quotes YAML 1.1 reads 13:30 as 810
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "ansible_host": _address,
    "ansible_port": _port,
    "ansible_user": _user,
    "ansible_ssh_private_key_file": _key_file,
    "access_admin_user": _admin,
    "vpsdeploy_private_address": _address,
    "vpsdeploy_reboot_at": _time_of_day,
}

UNDERSTOOD = frozenset(_READERS)
"""Variables that are read from the inventory; all others are Ansible's alone."""
