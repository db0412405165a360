#!/usr/bin/python
"""Ansible module: the Node version that an app asks for, installed side by side with the others."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.vpsdeploy import node_install, node_versions, packages
from ansible.module_utils.vpsdeploy.host import Host, HostError
from ansible.module_utils.vpsdeploy.http import Unreachable
from ansible.module_utils.vpsdeploy.node_install import Source
from ansible.module_utils.vpsdeploy.node_sources import DistSource, NpmSource
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version

DOCUMENTATION = r"""
module: vpsdeploy_node
short_description: Install the Node version that an app asks for
description:
  - Resolves the request, verifies what is downloaded, unpacks it to a directory of its own and renames that into place.
  - Other versions stay. A full version that is installed asks nobody; any other request asks the source once, and
    does with what is installed where the source cannot be reached.
options:
  packages: {description: Debian packages that Node needs., type: list, elements: str, default: []}
  request: {description: "C(lts), C(24), C(24.21) or C(24.21.0).", type: str, required: true}
  source: {description: Kind of source., type: str, choices: [npm, dist], default: npm}
  registry: {description: npm registry; empty for the one of /etc/npmrc., type: str, default: ''}
  registry_fallback: {description: npm registry where neither names one., type: str, default: ''}
  dist_url: {description: Address of the dist tree., type: str, default: 'https://nodejs.org/dist/'}
  keyring:
    description: GPG keyring on the host that must have signed the sums of a dist tree; empty for none.
    type: str
    default: ''
  schedule:
    description: Node's lines and their dates, as schedule.json of nodejs/Release has them.
    type: dict
    required: true
  directory: {description: Where the versions are., type: str, default: /opt/node}
  timeout_seconds: {description: Longest silence of the source., type: int, default: 20}
author: vpsdeploy
"""

ARGUMENTS = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "request": {"type": "str", "required": True},
    "source": {"type": "str", "choices": ["npm", "dist"], "default": "npm"},
    "registry": {"type": "str", "default": ""},
    "registry_fallback": {"type": "str", "default": ""},
    "dist_url": {"type": "str", "default": "https://nodejs.org/dist/"},
    "keyring": {"type": "str", "default": "", "no_log": False},
    "schedule": {"type": "dict", "required": True},
    "directory": {"type": "str", "default": "/opt/node"},
    "timeout_seconds": {"type": "int", "default": 20},
}


PACKAGE_LISTS_MAX_AGE_SECONDS = 3600
"""Fetch apt's lists first where they are older and a package is missing."""


def converge(module: AnsibleModule, host: Host) -> str:
    """Resolve, and install where needed; the version that answers the request."""
    params = module.params
    root = Path(params["directory"])
    packages.apply(host, params["packages"], PACKAGE_LISTS_MAX_AGE_SECONDS)
    present = node_install.installed(root)
    today = datetime.datetime.now(datetime.UTC).date()
    prefix = node_versions.wanted(params["request"], params["schedule"], today)
    at_hand = node_versions.newest(prefix, present)
    if at_hand and len(prefix) == len(at_hand):
        return node_versions.text(at_hand)
    source = _source(params)
    try:
        offered = source.versions()
    except Unreachable as error:
        if not at_hand:
            raise
        module.warn(f"{error}; Node {node_versions.text(at_hand)}, which is installed, is used")
        return node_versions.text(at_hand)
    best = node_versions.newest(prefix, offered)
    if not best:
        raise NodeError(
            f"node: {params['request']!r} is not offered by {params['source']}: ask for another in vpsdeploy.yml"
        )
    if node_versions.text(best) not in present:
        _install(host, root, source, best, offered)
    return node_versions.text(best)


def _install(host: Host, root: Path, source: Source, version: Version, offered: dict[str, str]) -> None:
    name = f"v{node_versions.text(version)}"
    header = {"before_header": str(root), "after_header": str(root)}
    host.changed(f"{root}/{name}", {**header, "before": "", "after": f"{name}/bin/node\n"})
    if not host.check_mode:
        node_install.install(root, source, version, offered.get(name[1:]) or offered.get(name, ""))


def _source(params: dict[str, Any]) -> NpmSource | DistSource:
    if params["source"] == "npm":
        return NpmSource(params["registry"], params["timeout_seconds"], params["registry_fallback"])
    return DistSource(params["dist_url"], params["keyring"], params["timeout_seconds"])


def main() -> None:
    """Ansible's entry."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host = Host(module.check_mode, module._diff)
    try:
        version = converge(module, host)
    except (NodeError, HostError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=f"Node was not installed: {error}", changes=host.changes)
    module.exit_json(changed=bool(host.changes), version=version, changes=host.changes, diff=host.diffs)


if __name__ == "__main__":
    main()
