#!/usr/bin/python
"""Ansible module: a role's packages, accounts, files and units in one call."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.vpsdeploy import (
    accounts,
    archives,
    files,
    guard,
    kernel,
    packages,
    record,
    repository,
    units,
)  # fmt: skip
from ansible.module_utils.vpsdeploy.host import Host, HostError

DOCUMENTATION = r"""
module: vpsdeploy_apply
short_description: Apply a role's packages, accounts, files and units in one call
description:
  - One module call costs about as much as all of a role's checks together, so a role makes one.
  - Order is repository, packages, accounts, archives, files, I(check), kernel settings, units.
  - Where a file's validator or I(check) says no, every file of the call is put back as it was.
  - Templates are rendered on the controller by the action plugin of the same name.
options:
  packages:
    description: Debian packages that must be installed; what is missing is installed in one transaction.
    type: list
    elements: str
    default: []
  repository:
    description:
      - Repository of the makers of I(packages), which Debian has not. Its key must have the fingerprint; where it
        cannot be had, nothing is changed.
    type: dict
    suboptions:
      name: {description: Of the service., type: str, required: true}
      url: {description: Its address., type: str, required: true}
      suite: {description: Suite., type: str, required: true}
      component: {description: Component., type: str, default: main}
      origin: {description: What its Release calls itself., type: str, required: true}
      key: {description: "Address of its armored key, or a path on the host.", type: str, required: true}
      fingerprint: {description: What the key must be., type: str, required: true}
      packages: {description: Names or patterns that may come from it., type: list, elements: str, required: true}
      timeout_seconds: {description: Longest silence., type: int, default: 20}
  package_lists_max_age_seconds:
    description: Fetch apt's lists first where they are older and something is missing.
    type: int
    default: 3600
  units_left:
    description:
      - Units of new packages that are not started at once, as Debian would. Their roles start them, with their own
        settings. Those of I(units) are not, either, before the files are there.
    type: list
    elements: str
    default: []
  accounts:
    description: Users, each with a group of its own name and no password.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Login name., type: str, required: true}
      comment: {description: Full name., type: str, default: ''}
      home: {description: Home directory., type: str, required: true}
      create_home: {description: Make the home directory., type: bool, default: false}
      shell: {description: Login shell., type: str, default: /usr/sbin/nologin}
      system: {description: Number below 1000., type: bool, default: false}
      groups: {description: Further groups; others are left alone., type: list, elements: str, default: []}
      service_manager: {description: Whether a login starts a service manager of the user., type: bool, default: true}
  archives:
    description: Archives of programs that Debian has no package of. Verified, then unpacked, whole or not at all.
    type: list
    elements: dict
    default: []
    suboptions:
      urls: {description: Addresses; the first that has it is taken., type: list, elements: str, required: true}
      sha512: {description: Digest that it must have., type: str, required: true}
      directory: {description: Where its one directory lies; one that is there stays., type: str, required: true}
  files:
    description: Files, directories and links, applied in this order.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path on the host., type: str, required: true}
      state: {description: Kind., type: str, choices: [file, directory, link, absent], default: file}
      owner: {description: Owner., type: str, default: root}
      group: {description: Group., type: str, default: root}
      mode: {description: Octal; by default 0644 for files and 0755 for directories., type: str}
      target: {description: What a link points to., type: str}
      template: {description: "Template on the controller; by default I(path) with C(.j2).", type: str}
      source: {description: Binary file on the controller., type: str}
      content: {description: Text in place of a template., type: str}
      binary_content: {description: Set by the action plugin from I(source)., type: str}
      secret_content: {description: Set by the action plugin where I(secret) is set., type: str}
      secret: {description: Never show the content., type: bool, default: false}
      validate: {description: "Judges the new file; C(%s) is its path.", type: list, elements: str, default: []}
  locked:
    description: Users who are there and whose password is taken away; keys and sudo are left as they are.
    type: list
    elements: str
    default: []
  kernel_settings:
    description: Settings of the running kernel (sysctl), by name. What a container has no say in is told as withheld.
    type: dict
    default: {}
  withheld:
    description: What this host has no say in and is therefore not applied; told beside such kernel settings.
    type: list
    elements: str
    default: []
  check:
    description: Program and arguments that judge the tree, on every run.
    type: list
    elements: str
    default: []
  units:
    description: systemd units.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Unit name with its suffix., type: str, required: true}
      enabled: {description: Start at boot., type: bool}
      state: {description: Wanted state now., type: str, choices: [started, stopped]}
      reload_on: {description: Changed paths that ask for a reload., type: list, elements: str, default: []}
      restart_on: {description: Changed paths that ask for a restart., type: list, elements: str, default: []}
      serving:
        description: >-
          Pattern of paths. While one of them is there users would notice a restart; what asks for one comes into force
          when the unit starts next.
        type: str
        default: ''
  guard:
    description:
      - The files and units may cut off the owner. Where something is to change, the host takes it back by itself after
        I(seconds), unless the action plugin confirms it over a fresh login, which it tries at once.
    type: dict
    suboptions:
      name: {description: Name., type: str, required: true}
      seconds: {description: Until the host takes the change back; 0 for no guard., type: int, default: 60}
      users: {description: Who must still be able to log in., type: list, elements: str, default: []}
      confirm_as:
        description: Who confirms, as root or by sudo without a password; empty for the login of Ansible.
        type: str
        default: ''
      take_back: {description: "Only take back what waits, for this reason.", type: str, default: ''}
  record:
    description: Keep a record of what this call asked for, that the host can be audited against.
    type: dict
    suboptions:
      name: {description: Name., type: str}
      fingerprint: {description: Fingerprint., type: str}
author: vpsdeploy
"""

_STRINGS = {"type": "list", "elements": "str", "default": []}

ACCOUNT = {
    "name": {"type": "str", "required": True}, "comment": {"type": "str", "default": ""},
    "home": {"type": "str", "required": True}, "create_home": {"type": "bool", "default": False},
    "shell": {"type": "str", "default": "/usr/sbin/nologin"}, "system": {"type": "bool", "default": False},
    "groups": _STRINGS, "service_manager": {"type": "bool", "default": True},
}  # fmt: skip

ARCHIVE = {
    "urls": {"type": "list", "elements": "str", "required": True}, "sha512": {"type": "str", "required": True},
    "directory": {"type": "str", "required": True},
}  # fmt: skip

FILE = {
    "path": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["file", "directory", "link", "absent"], "default": "file"},
    "owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"},
    "mode": {"type": "str"}, "target": {"type": "str"}, "template": {"type": "str"}, "source": {"type": "str"},
    "content": {"type": "str"}, "binary_content": {"type": "str"},
    "secret_content": {"type": "str", "no_log": True},
    "secret": {"type": "bool", "default": False, "no_log": False}, "validate": _STRINGS,
}  # fmt: skip

UNIT = {
    "name": {"type": "str", "required": True}, "enabled": {"type": "bool"},
    "state": {"type": "str", "choices": ["started", "stopped"]}, "reload_on": _STRINGS, "restart_on": _STRINGS,
    "serving": {"type": "str", "default": ""},
}  # fmt: skip

GUARD = {
    "name": {"type": "str", "required": True}, "seconds": {"type": "int", "default": 60}, "users": _STRINGS,
    "confirm_as": {"type": "str", "default": ""}, "take_back": {"type": "str", "default": ""},
}  # fmt: skip

ARGUMENTS = {
    "packages": _STRINGS,
    "repository": {"type": "dict", "options": repository.OPTIONS},
    "package_lists_max_age_seconds": {"type": "int", "default": 3600},
    "units_left": _STRINGS,
    "accounts": {"type": "list", "elements": "dict", "default": [], "options": ACCOUNT},
    "archives": {"type": "list", "elements": "dict", "default": [], "options": ARCHIVE},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "locked": _STRINGS,
    "kernel_settings": {"type": "dict", "default": {}},
    "withheld": _STRINGS,
    "check": _STRINGS,
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
    "guard": {"type": "dict", "options": GUARD},
    "record": record.ARGUMENT,
}


def converge(host: Host, params: dict[str, Any]) -> tuple[list[str], guard.Armed | None]:
    """Apply everything in order; the paths that changed, and what waits for its confirmation."""
    left = [*params["units_left"], *(unit["name"] for unit in params["units"])]
    known = repository.apply(host, params["repository"], params["packages"])
    packages.apply(host, params["packages"], params["package_lists_max_age_seconds"], left)
    accounts.apply(host, params["accounts"])
    accounts.lock(host, params["locked"])
    archives.apply(host, params["archives"])
    guarded = bool(params["guard"] and params["guard"]["seconds"])
    specs = [*accounts.files(params["accounts"]), *(guard.files() if guarded else []), *params["files"]]
    armed = None
    if guarded and not host.check_mode:
        with guard.held():
            changes = files.plan(host, specs)
            armed = _arm(host, params, changes)
    else:
        changes = files.plan(host, specs)
    paths = [str(change.path) for change in changes]
    try:
        _carry_out(host, params, changes, paths)
    except (HostError, OSError):
        if armed:
            guard.take_back(host, armed.name, "it could not be made whole")
        raise
    asked = {name: params[name] for name in record.ASKED}
    if not host.check_mode:
        record.keep(
            host, params["record"], "apply",
            {**asked, "paths": record.paths([*files.wanted(specs, False), *repository.as_it_is(known)])},
        )  # fmt: skip
    return paths, armed


def _arm(host: Host, params: dict[str, Any], changes: list[files.Change]) -> guard.Armed | None:
    """Where anything is to change, or an earlier change still waits: it is this run's to prove."""
    wish = params["guard"]
    if not changes and not guard.pending(wish["name"]):
        rehearsal = Host(check_mode=True)
        units.apply(rehearsal, params["units"], [])
        if not rehearsal.changes:
            return None
    return guard.arm(host, wish["name"], wish["seconds"], changes, params["units"])


def _carry_out(host: Host, params: dict[str, Any], changes: list[files.Change], paths: list[str]) -> None:
    notes = units.owe(host, params["units"], paths)
    try:
        files.apply(host, changes, params["check"])
    except (HostError, OSError):
        for note in notes:
            note.unlink(missing_ok=True)
        raise
    kernel.apply(host, params["kernel_settings"])
    host.withheld += params["withheld"]
    units.apply(host, params["units"], paths)


def main() -> None:
    """Ansible's entry."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    # Modes are written out, so that the login's own umask decides nothing.
    os.umask(0o022)
    for spec in module.params["files"]:
        spec["mode"] = spec["mode"] or ("0755" if spec["state"] == "directory" else "0644")
    host = Host(module.check_mode, module._diff)
    wish = module.params["guard"]
    try:
        if wish and wish["take_back"]:
            module.exit_json(changed=guard.take_back(host, wish["name"], wish["take_back"]))
        paths, armed = converge(host, module.params)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error), changes=host.changes)
    waits = {"guard_armed": dataclasses.asdict(armed)} if armed else {}
    module.exit_json(
        changed=bool(host.changes), changes=host.changes, changed_paths=paths, withheld=host.withheld,
        diff=host.diffs, **waits,
    )  # fmt: skip


if __name__ == "__main__":
    main()
