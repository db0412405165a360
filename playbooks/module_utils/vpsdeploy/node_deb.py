"""Debian packages whose files are wanted, but not installed: downloaded, verified by apt, unpacked."""

from __future__ import annotations

import re
from pathlib import Path

from ansible.module_utils.vpsdeploy.host import Host, tail
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version, parse

_UPSTREAM = re.compile(r"(?:\d+:)?(\d+\.\d+\.\d+)(?:[+-].*)?")


def upstream(debian_version: str) -> Version | None:
    """Node's version in a package's: 20.19.2 of 20.19.2+dfsg-1+deb13u3; None for a prerelease (~).

    Source: Debian policy 5.6.12.
    """
    match = _UPSTREAM.fullmatch(debian_version)
    return parse(match[1]) if match else None


def unpacked(host: Host, package: str, directory: Path, options: list[str]) -> Path:
    """Download a package and unpack it; the directory with its files.

    Args:
        host: Runs apt.
        package: Its name, or name=version.
        directory: Where the download and the files go; closed to others.
        options: More options for apt.
    Raises: NodeError: apt found no such package, or refused what arrived.
    """
    files = directory / "files"
    download = directory / "download"
    download.mkdir()
    # To give apt's own user a directory of ours is not worth the warning that it saves: root may write there.
    command = ["apt-get", "--quiet", "-o", "APT::Sandbox::User=root", *options, "download", package]
    answer = host.attempt(["env", "-C", str(download), *command])
    found = list(download.glob("*.deb"))
    if answer.returncode != 0 or len(found) != 1:
        raise NodeError(f"apt did not download {package}, nothing was installed: {tail(answer)}")
    host.run(["dpkg-deb", "--extract", str(found[0]), str(files)])
    return files
