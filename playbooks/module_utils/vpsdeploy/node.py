"""The Node version that an app asks for: resolved, and installed side by side with the others."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import node_install, node_versions, packages
from ansible.module_utils.vpsdeploy.host import Host
from ansible.module_utils.vpsdeploy.http import Unreachable
from ansible.module_utils.vpsdeploy.node_install import Source
from ansible.module_utils.vpsdeploy.node_sources import DistSource, NpmSource
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version

PACKAGE_LISTS_MAX_AGE_SECONDS = 3600
"""Fetch apt's lists first where they are older and a package is missing."""


def converge(params: dict[str, Any], host: Host) -> str:
    """Resolve, and install where needed; the version that answers the request.

    Args:
        params: As the module vpsdeploy_node takes them.
        host: Keeps the record of changes and warnings.
    Raises: NodeError, HostError: it cannot be had.
    """
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
        host.warnings.append(f"{error}; Node {node_versions.text(at_hand)}, which is installed, is used")
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
