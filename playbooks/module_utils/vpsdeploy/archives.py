"""Programs that Debian has no package of, out of their makers' archives: verified first, then whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.vpsdeploy.host import Host, HostError

_SILENCE_SECONDS = 20
_LOOK_SECONDS = 10
"""Longest silence of an archive's server: while it sends, and while we only look for it (our choice)."""

_MARK = ".vpsdeploy-sha512"
"""In an unpacked tree: the digest of what it was unpacked from."""


def apply(host: Host, wanted: list[dict[str, Any]]) -> None:
    """Have each archive unpacked.

    Raises: HostError: it is nowhere to be had as it should be, or another tree lies in its place; nothing was changed.
    """
    for one in wanted:
        directory = Path(one["directory"])
        if not _is_there(directory, one["sha512"]):
            host.changed(f"{directory}: unpacked")
            if not host.check_mode:
                _install(directory, one["urls"], one["sha512"])


def unreachable(wanted: Mapping[str, Mapping[str, Any]], root: Path) -> list[str]:
    """What cannot be fetched from this host, and is not there either.

    Args:
        wanted: By service: its `urls`, its `directory`, and which service can be had `instead`.
        root: Where the host's files are.
    """
    found = []
    for name, one in wanted.items():
        directory = root / str(one["directory"]).lstrip("/")
        if (directory / _MARK).exists():
            continue
        reasons = _looked_for(one["urls"])
        if len(reasons) == len(one["urls"]):
            found.append(
                f"{name}: its archive cannot be fetched from this host, and Debian has no package of it: "
                f"{', '.join(reasons)}: let the host out to one of these, name a mirror in services.{name}.mirror "
                f"of vpsdeploy.yml, or take {one['instead']}, which Debian has"
            )
    return found


def _looked_for(urls: list[str]) -> list[str]:
    """Why not, of those that do not have it; the first that has it ends the search."""
    from ansible.module_utils.vpsdeploy.http import opened  # late: most hosts never need it
    from ansible.module_utils.vpsdeploy.node_versions import NodeError

    reasons: list[str] = []
    for url in urls:
        try:
            with opened(url, _LOOK_SECONDS):
                return reasons
        except (NodeError, OSError) as error:
            reasons.append(str(error))
    return reasons


def _is_there(directory: Path, sha512: str) -> bool:
    """Raises: HostError: another tree is in its place."""
    if not directory.exists():
        return False
    mark = directory / _MARK
    if mark.exists() and mark.read_text().strip() == sha512:
        return True
    what = "was unpacked from another archive" if mark.exists() else "is not ours"
    raise HostError(f"{directory} {what}: move it away, then run again; nothing was unpacked")


def _install(directory: Path, urls: list[str], sha512: str) -> None:
    from ansible.module_utils.vpsdeploy import node_archive
    from ansible.module_utils.vpsdeploy.node_versions import NodeError

    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    prefix = f".partial-{directory.name}-"
    for leftover in directory.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=directory.parent) as name:
        work = Path(name)
        archive, tree = work / "archive", work / "tree"
        _fetch(archive, urls, sha512)
        try:
            node_archive.unpack(archive, tree)
        except NodeError as error:
            raise HostError(str(error)) from error
        (tree / _MARK).write_text(f"{sha512}\n")
        node_archive.close(tree)
        subprocess.run(["sync", "-f", str(tree)], check=True)
        tree.rename(directory)


def _fetch(archive: Path, urls: list[str], sha512: str) -> None:
    """The verified archive.

    Raises: HostError: why none of the addresses has it.
    """
    from ansible.module_utils.vpsdeploy.node_sources import digest, fetch
    from ansible.module_utils.vpsdeploy.node_versions import NodeError

    reasons = []
    for url in urls:
        try:
            fetch(url, archive, _SILENCE_SECONDS)
        except (NodeError, OSError) as error:
            reasons.append(str(error))
            continue
        found = digest(archive, "sha512").hex()
        if found == sha512:
            return
        reasons.append(
            f"{url} is not the archive that it should be (SHA-512 {found[:16]}…, not {sha512[:16]}…)"
        )
    raise HostError(f"nothing was unpacked: {'; '.join(reasons)}")
