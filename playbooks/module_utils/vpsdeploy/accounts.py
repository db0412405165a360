"""Users, each with a group of its own name. Nobody gets a password; whoever logs in has a key."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy.host import Host

NO_PASSWORD = "*"  # noqa: S105 - not a password: what shadow(5) holds where none can ever match
"""Not "!", which sshd takes for a locked account where PAM is off. Source: sshd(8), LOGIN PROCESS."""

_SHADOW = Path("/etc/shadow")
_NO_EXPIRY = ["-K", "PASS_MAX_DAYS=-1", "-K", "PASS_MIN_DAYS=-1"]
"""PAM refuses even a login by key where a password has expired, or none is set. Source: pam_unix(8), account."""


def apply(host: Host, accounts: list[dict[str, Any]]) -> None:
    """Create the users that are missing and set the shell and the groups of the others."""
    for account in accounts:
        try:
            entry = pwd.getpwnam(account["name"])
        except KeyError:
            _create(host, account)
        else:
            _correct(host, account, entry)


def lock(host: Host, names: list[str], shadow: Path = _SHADOW) -> None:
    """Take away the passwords of users who are there: a key still logs them in, sudo still makes them root."""
    lines = (line.split(":") for line in shadow.read_text().splitlines()) if names else iter(())
    passwords = {fields[0]: fields[1] for fields in lines}
    for name in names:
        if passwords.get(name, NO_PASSWORD)[:1] in ("*", "!"):
            continue
        host.changed(f"user {name}: no password", _diff(name, "password: set\n", "password: none\n"))
        if not host.check_mode:
            host.run(["usermod", "--password", NO_PASSWORD, name])


def files(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files that belong to the users: for one without a service manager, what keeps systemd from starting it.

    A login that only runs one program needs none, and it takes a tenth to half a second to start. The drop-in is named
    by the user's number, which its unit is named by: a condition costs nothing, a command that asks for the name does.
    """
    return [_no_manager(account["name"]) for account in accounts if not account["service_manager"]]


def _no_manager(name: str) -> dict[str, Any]:
    try:
        number = str(pwd.getpwnam(name).pw_uid)
    except KeyError:  # a rehearsal: the user would be made by the very run that is only being shown
        number = name
    return {
        "path": f"/etc/systemd/system/user@{number}.service.d/50-vpsdeploy.conf", "state": "file",
        "content": f"# Managed by vpsdeploy. {name} needs no service manager of its own.\n"
        "[Unit]\nConditionPathExists=!/\n",
        "owner": "root", "group": "root", "mode": "0644", "target": None, "binary_content": None,
        "secret_content": None, "validate": [],
    }  # fmt: skip


def _create(host: Host, account: dict[str, Any]) -> None:
    name = account["name"]
    host.changed(f"user {name}", _diff(name, "", _summary(account["shell"], account["groups"])))
    if host.check_mode:
        return
    group = ["--gid", name] if _group_exists(name) else ["--user-group"]
    system = ["--system"] if account["system"] else []
    home = ["--create-home"] if account["create_home"] else ["--no-create-home"]
    extra = ["--groups", ",".join(account["groups"])] if account["groups"] else []
    attributes = ["--home-dir", account["home"], "--shell", account["shell"], "--comment", account["comment"]]
    host.run(
        ["useradd", *group, *system, *home, *extra, *attributes, *_NO_EXPIRY, "--password", NO_PASSWORD, name]
    )


def _correct(host: Host, account: dict[str, Any], entry: pwd.struct_passwd) -> None:
    name = account["name"]
    member_of = {group.gr_name for group in grp.getgrall() if name in group.gr_mem}
    absent = [group for group in account["groups"] if group not in member_of]
    if entry.pw_shell == account["shell"] and not absent:
        return
    before = _summary(entry.pw_shell, [group for group in account["groups"] if group in member_of])
    host.changed(f"user {name}", _diff(name, before, _summary(account["shell"], account["groups"])))
    if not host.check_mode:
        groups = ["--append", "--groups", ",".join(absent)] if absent else []
        host.run(["usermod", "--shell", account["shell"], *groups, name])


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _summary(shell: str, groups: list[str]) -> str:
    return f"shell: {shell}\ngroups: {' '.join(sorted(groups))}\n"


def _diff(name: str, before: str, after: str) -> dict[str, str]:
    header = f"user {name}"
    return {"before_header": header, "after_header": header, "before": before, "after": after}
