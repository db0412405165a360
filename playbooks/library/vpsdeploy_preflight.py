#!/usr/bin/python
"""Ansible module: what speaks against provisioning this host."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.vpsdeploy import preflight, preflight_services, record, repository
from ansible.module_utils.vpsdeploy.host import Host

DOCUMENTATION = r"""
module: vpsdeploy_preflight
short_description: Check a host before anything on it is changed
description: Reads the host in one call and fails with everything that speaks against provisioning it.
options:
  app: {description: The app's name; empty on hosts that run none., type: str, default: ''}
  port: {description: The app's base port., type: int, default: 0}
  own: {description: The app that is provisioned; what others of the host trust is told., type: str, default: ''}
  domains: {description: Names that the app answers to., type: list, elements: str, default: []}
  http_port: {description: Port that nginx will listen on; 0 on hosts without nginx., type: int, default: 0}
  services: {description: "Memory by service that the host is to carry: a size, or a share.", type: dict, default: {}}
  services_app: {description: The app whose services they are., type: str, default: ''}
  repositories:
    description: Repositories of makers, as vpsdeploy_apply takes one; asked for where packages of I(missing) are.
    type: list
    elements: dict
    default: []
  archives:
    description: "By service, what it is unpacked from where it is not there yet: C(urls), C(directory) and C(instead)."
    type: dict
    default: {}
  disk_free_min_bytes: {description: Room needed on /., type: int, default: 536870912}
  record:
    description: Keep a record of what this call asked for, that the host can be audited against.
    type: dict
    suboptions:
      name: {description: Name., type: str}
      fingerprint: {description: Fingerprint., type: str}
author: vpsdeploy
"""

ARGUMENTS = {
    "app": {"type": "str", "default": ""},
    "port": {"type": "int", "default": 0},
    "own": {"type": "str", "default": ""},
    "domains": {"type": "list", "elements": "str", "default": []},
    "http_port": {"type": "int", "default": 0},
    "services": {"type": "dict", "default": {}},
    "services_app": {"type": "str", "default": ""},
    "repositories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {**repository.OPTIONS, "missing": {"type": "list", "elements": "str", "required": True}},
    },
    "archives": {"type": "dict", "default": {}},
    "disk_free_min_bytes": {"type": "int", "default": 512 << 20},
    "record": record.ARGUMENT,
}


def main() -> None:
    """Ansible's entry."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host = Host(module.check_mode)
    # The network is asked last, and only where nothing else speaks against it.
    found = preflight.findings(module.params) or repository.findings(host, module.params["repositories"])
    if found:
        said = "the host cannot be provisioned, and nothing on it was changed: "
        module.fail_json(msg=said + "; ".join(found), findings=found, vpsdeploy_state="nothing was changed")
    # An audit asks no repository: what is installed stays so without it.
    wanted = {name: module.params[name] for name in ARGUMENTS if name not in ("record", "repositories")}
    record.keep(host, module.params["record"], "preflight", wanted)
    # What the roles' templates depend on; gathering all facts would cost a second.
    told = {
        **preflight.facts(),
        "vpsdeploy_beside": preflight.beside(module.params["own"]),
        "vpsdeploy_services_mib": preflight_services.memory_mib(module.params["services"]),
        "vpsdeploy_disk_mib": preflight_services.disk_mib(),
    }
    module.exit_json(changed=False, ansible_facts=told)


if __name__ == "__main__":
    main()
