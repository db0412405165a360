"""Node from the distribution's own package `nodejs`: installed by apt, and copied out of its reach.

The distribution upgrades in place, while a release names the version that it runs on. So a release runs a copy, with
the library that holds all of Node in Debian (libnode). Below that the host's libraries (OpenSSL, ICU, libuv) and the
scripts in /usr/share/nodejs, which libnode reads when it starts, still get the distribution's fixes: within one Debian
they keep their interfaces, an upgrade to the next Debian needs a new release.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ansible.module_utils.vpsdeploy import node_deb
from ansible.module_utils.vpsdeploy.host import Host
from ansible.module_utils.vpsdeploy.node_install import PACKAGE
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version, text

NAME = "nodejs"
_PROGRAM = Path("/usr/bin/node")


def mismatch(request: str, prefix: tuple[int, ...], carried: str) -> str:
    """Say that the distribution carries another line, and what to write instead."""
    line = "" if request.lstrip("v").startswith(str(prefix[0])) else f" (line {prefix[0]} today)"
    return (
        f"node: {request!r}{line} is not what this host's distribution carries: its package nodejs is {carried}. "
        f'Write `node: "{carried.partition(".")[0]}"` in vpsdeploy.yml, or take Node from elsewhere '
        "(nodejs_source: npm, dist or nodesource)"
    )


class SystemSource:
    """The package `nodejs` that this host has, or would get.

    Args:
        host: Runs dpkg and apt.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def versions(self) -> dict[str, str]:
        """The one version and its package's; nothing where apt knows none, or has no lists yet."""
        debian = self._installed() or self._candidate()
        version = node_deb.upstream(debian)
        return {text(version): debian} if version else {}

    def deliver(self, version: Version, integrity: str, work: Path, tree: Path) -> None:
        """A copy of the program that finds its copy of the library beside it."""
        del version  # dpkg's version says it
        (tree / "bin").mkdir(parents=True)
        program = Path(shutil.copy(_PROGRAM, tree / "bin/node"))
        library = self._library(program)
        if library:
            (tree / "lib").mkdir()
            copy = Path(shutil.copy(library, tree / "lib"))
            self._bind(program, copy, work)
        (tree / PACKAGE).write_text(f"{NAME}={integrity}\n")

    def _bind(self, program: Path, library: Path, work: Path) -> None:
        """Make the program look beside itself first; patchelf comes and goes without being installed."""
        patchelf = shutil.which("patchelf") or str(
            node_deb.unpacked(self.host, "patchelf", work, []) / "usr/bin/patchelf"
        )
        self.host.run([patchelf, "--set-rpath", "$ORIGIN/../lib", str(program)])
        if self._library(program) != library:
            raise NodeError(f"the copy of Node does not load {library.name} beside it: nothing was installed")

    def _library(self, program: Path) -> Path | None:
        """The libnode that a program loads; None where Node is in the program itself."""
        match = re.search(r"libnode\.so\S* => (/\S+)", self.host.run(["ldd", str(program)]))
        return Path(match[1]).resolve() if match else None

    def _installed(self) -> str:
        answer = self.host.attempt(
            ["dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Version}", NAME]
        )
        state, _, version = answer.stdout.partition(" ")
        return version.strip() if state == "ii" else ""

    def _candidate(self) -> str:
        answer = self.host.attempt(["apt-cache", "policy", NAME])
        match = re.search(r"^\s+Candidate: (\d\S*)$", answer.stdout, re.MULTILINE)
        return match[1] if match else ""
