"""The controller's own Node, which builds."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from orchestrator.errors import ProjectError

_ASK = "const p = process; console.log(JSON.stringify([p.versions.node, p.versions.modules, p.platform, p.arch]))"


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that is installed here.

    Attributes:
        version: "24.21.0".
        abi: process.versions.modules, what native modules are compiled for.
        platform: "linux-x64".
    """

    version: str
    abi: int
    platform: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version for comparisons."""
        return tuple(int(n) for n in self.version.split("-")[0].split("."))


def controller_node() -> Node:
    """Ask the `node` on the PATH.

    Raises: ProjectError: there is none.
    """
    try:
        answer = subprocess.run(["node", "-e", _ASK], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise ProjectError(
            "no Node.js on this machine",
            why=f"the build runs here, and `node` gave: {error}",
            next="install Node.js (the version that the hosts run) and put it on the PATH",
        ) from error
    version, abi, platform, arch = json.loads(answer.stdout)
    return Node(version, int(abi), f"{platform}-{arch}")
