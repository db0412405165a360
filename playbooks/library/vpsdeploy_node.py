#!/usr/bin/python
"""Ansible module: the Node version that an app asks for, installed side by side with the others."""

from __future__ import annotations

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.vpsdeploy import node, record
from ansible.module_utils.vpsdeploy.host import Host, HostError
from ansible.module_utils.vpsdeploy.node_versions import NodeError

DOCUMENTATION = r"""
module: vpsdeploy_node
short_description: Install the Node version that an app asks for
description:
  - Resolves the request, verifies what is downloaded, unpacks it to a directory of its own and renames that into place.
  - Other versions stay. A full version that is installed asks nobody; any other request asks the source once, and
    does with what is installed where the source cannot be reached.
options:
  packages: {description: Debian packages that Node needs., type: list, elements: str, default: []}
  packages_beside:
    description:
      - Packages that others need, installed in one transaction with Node's, before Node is fetched. No error where that
        fails; who needs them tries again.
    type: list
    elements: str
    default: []
  units_left:
    description: Units of new packages that are not started here, as Debian would; their roles start them.
    type: list
    elements: str
    default: []
  request: {description: "C(lts), C(24), C(24.21) or C(24.21.0).", type: str, required: true}
  source: {description: Kind of source., type: str, choices: [npm, dist, nodesource, system], default: npm}
  registry: {description: npm registry; empty for the one of /etc/npmrc., type: str, default: ''}
  registry_fallback: {description: npm registry where neither names one., type: str, default: ''}
  dist_url: {description: Address of the dist tree., type: str, default: 'https://nodejs.org/dist/'}
  keyring:
    description: GPG keyring on the host that must have signed the sums of a dist tree; empty for none.
    type: str
    default: ''
  nodesource_url:
    description: Address above the node_24.x of NodeSource's apt repositories, or of a mirror of them.
    type: str
    default: 'https://deb.nodesource.com/'
  nodesource_key:
    description: Key of those repositories, an address or a path on the host.
    type: str
    default: 'https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key'
  nodesource_fingerprint:
    description: Fingerprint that this key must have; empty for whatever key is there.
    type: str
    default: 6F71F525282841EEDAF851B42F59B5F99B1BE0B4
  schedule:
    description: Node's lines and their dates, as schedule.json of nodejs/Release has them.
    type: dict
    required: true
  directory: {description: Where the versions are., type: str, default: /opt/node}
  timeout_seconds: {description: Longest silence of the source., type: int, default: 20}
  record:
    description: Keep a record of what this call asked for, that the host can be audited against.
    type: dict
    suboptions:
      name: {description: Name., type: str}
      fingerprint: {description: Fingerprint., type: str}
author: vpsdeploy
"""

ARGUMENTS = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "packages_beside": {"type": "list", "elements": "str", "default": []},
    "units_left": {"type": "list", "elements": "str", "default": []},
    "request": {"type": "str", "required": True},
    "source": {"type": "str", "choices": ["npm", "dist", "nodesource", "system"], "default": "npm"},
    "registry": {"type": "str", "default": ""},
    "registry_fallback": {"type": "str", "default": ""},
    "dist_url": {"type": "str", "default": "https://nodejs.org/dist/"},
    "keyring": {"type": "str", "default": "", "no_log": False},
    "nodesource_url": {"type": "str", "default": "https://deb.nodesource.com/"},
    "nodesource_key": {
        "type": "str",
        "default": "https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key",
        "no_log": False,
    },
    "nodesource_fingerprint": {"type": "str", "default": "6F71F525282841EEDAF851B42F59B5F99B1BE0B4"},
    "schedule": {"type": "dict", "required": True},
    "directory": {"type": "str", "default": "/opt/node"},
    "timeout_seconds": {"type": "int", "default": 20},
    "record": record.ARGUMENT,
}


def main() -> None:
    """Ansible's entry."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host = Host(module.check_mode, module._diff)
    wanted = {name: value for name, value in module.params.items() if name != "record"}
    try:
        version = node.converge(wanted, host)
    except (NodeError, HostError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=f"Node was not installed: {error}", changes=host.changes)
    for warning in host.warnings:
        module.warn(warning)
    record.keep(host, module.params["record"], "node", wanted)
    module.exit_json(changed=bool(host.changes), version=version, changes=host.changes, diff=host.diffs)


if __name__ == "__main__":
    main()
