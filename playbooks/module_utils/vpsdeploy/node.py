"""The Node version that an app asks for: resolved, and installed side by side with the others."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy import node_install, node_system, node_versions, packages
from ansible.module_utils.vpsdeploy.host import Host, HostError
from ansible.module_utils.vpsdeploy.http import Unreachable
from ansible.module_utils.vpsdeploy.node_install import Source
from ansible.module_utils.vpsdeploy.node_nodesource import NodesourceSource
from ansible.module_utils.vpsdeploy.node_sources import DistSource, NpmSource
from ansible.module_utils.vpsdeploy.node_system import SystemSource
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version

PACKAGE_LISTS_MAX_AGE_SECONDS = 3600
"""Fetch apt's lists first where they are older and a package is missing."""


def converge(params: dict[str, Any], host: Host) -> str:
    """Resolve, and install where needed; the version that answers the request.

    Args:
        params: As the module vpsdeploy_node takes them.
        host: Keeps the record of changes and warnings.
    Returns: Empty only in check mode, where the distribution's version is not known before apt has lists.
    Raises: NodeError, HostError: it cannot be had.
    """
    _begin_for_others(params, host)
    first = _needs_packages_first(params)
    if first:
        _apply_packages(params, host)
    today = datetime.datetime.now(datetime.UTC).date()
    prefix = node_versions.wanted(params["request"], params["schedule"], today)
    version = (
        _system(params, host, prefix) if params["source"] == "system" else _offered(params, host, prefix)
    )
    if not first:
        _apply_packages(params, host)
    if not version:
        return ""
    ended = node_versions.ended(version[0], params["schedule"], today)
    if ended:
        host.warnings.append(f"Node {version[0]} had its end of life on {ended}: nodejs.org mends it no more")
    return node_versions.text(version)


def _begin_for_others(params: dict[str, Any], host: Host) -> None:
    """Whoever else needs the packages waits for this transaction; where it fails, they try again and say why."""
    if params["packages_beside"] and not host.check_mode:
        wanted = [*params["packages_beside"], *params["packages"]]
        with contextlib.suppress(HostError):
            packages.apply(host, wanted, PACKAGE_LISTS_MAX_AGE_SECONDS, params["units_left"])


def _needs_packages_first(params: dict[str, Any]) -> bool:
    """Whether what verifies the download is in them; else they are needed when Node first runs, and not before."""
    return params["source"] in ("nodesource", "system") or bool(params["keyring"])


def _apply_packages(params: dict[str, Any], host: Host) -> None:
    packages.apply(host, params["packages"], PACKAGE_LISTS_MAX_AGE_SECONDS)


def _offered(params: dict[str, Any], host: Host, prefix: tuple[int, ...]) -> Version:
    """From a source that has many versions: the newest of them, or what is installed where it is out of reach."""
    root = Path(params["directory"])
    present = node_install.installed(root)
    at_hand = node_versions.newest(prefix, present)
    if at_hand and len(prefix) == len(at_hand):
        return at_hand
    with tempfile.TemporaryDirectory(prefix="vpsdeploy-node-") as scratch:
        source = _source(params, host, prefix[0], Path(scratch))
        try:
            offered = source.versions()
        except Unreachable as error:
            if not at_hand:
                raise
            host.warnings.append(f"{error}; Node {node_versions.text(at_hand)}, which is installed, is used")
            return at_hand
        best = node_versions.newest(prefix, offered)
        if not best:
            raise NodeError(
                f"node: {params['request']!r} is not offered by {params['source']}: ask for another in vpsdeploy.yml"
            )
        if node_versions.text(best) not in present:
            integrity = offered[node_versions.text(best)]
            _install(host, root, source, best, integrity, ready=lambda: _apply_packages(params, host))
        return best


def _system(params: dict[str, Any], host: Host, prefix: tuple[int, ...]) -> Version | None:
    """From the distribution, which has one version; an older one that was copied from it stays at hand."""
    root = Path(params["directory"])
    source = SystemSource(host)
    at_hand = node_versions.newest(prefix, node_install.installed(root))
    offered = source.versions()
    if offered and not node_versions.newest(prefix, offered):
        if at_hand and len(prefix) == len(at_hand):
            return at_hand
        raise NodeError(node_system.mismatch(params["request"], prefix, next(iter(offered))))
    packages.apply(host, [node_system.NAME], PACKAGE_LISTS_MAX_AGE_SECONDS)
    offered = source.versions()
    best = node_versions.newest(prefix, offered)
    if best:
        _renew(host, root, source, best, offered[node_versions.text(best)])
    elif offered:
        raise NodeError(node_system.mismatch(params["request"], prefix, next(iter(offered))))
    elif not host.check_mode:
        raise NodeError("the distribution's package nodejs carries no released version of Node")
    else:
        host.warnings.append(
            "apt has no lists on this host yet: which Node the distribution carries is not known"
        )
    return best


def _renew(host: Host, root: Path, source: SystemSource, version: Version, debian: str) -> None:
    """Copy it where it is missing, or where the copy is of an older revision of the same version's package."""
    present = node_versions.text(version) in node_install.installed(root)
    copied = node_install.package(root, version)
    # No package's name: the official binary of another source, which needs no copy of ours.
    if not present or (copied and copied != f"{node_system.NAME}={debian}"):
        _install(host, root, source, version, debian, before=copied.partition("=")[2])


def _install(
    host: Host, root: Path, source: Source, version: Version, integrity: str, before: str = "",
    ready: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    name = f"v{node_versions.text(version)}"
    header = {"before_header": f"{root}/{name}", "after_header": f"{root}/{name}"}
    texts = {"before": f"{before}\n" if before else "", "after": f"{integrity or name}\n"}
    host.changed(f"{root}/{name}", {**header, **texts})
    if not host.check_mode:
        node_install.install(root, source, version, integrity, ready)


def _source(params: dict[str, Any], host: Host, line: int, scratch: Path) -> Source:
    timeout_seconds = params["timeout_seconds"]
    if params["source"] == "npm":
        return NpmSource(params["registry"], timeout_seconds, params["registry_fallback"])
    if params["source"] == "dist":
        return DistSource(params["dist_url"], params["keyring"], timeout_seconds)
    named = {name: params[f"nodesource_{name}"] for name in ("url", "key", "fingerprint")}
    return NodesourceSource(host, scratch, **named, line=line, timeout_seconds=timeout_seconds)
