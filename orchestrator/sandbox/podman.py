"""Every call of podman: on a storage, a network directory and locks of our own, shared with nobody."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import SandboxError
from orchestrator.sandbox.process import Result, Runner
from orchestrator.sandbox.state import StateDir

LABEL = "io.vpsdeploy.sandbox"

_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{root}/storage"
runroot = "{run}/storage"
"""

# File locks: podman's usual ones are one block of shared memory for the machine, which a second storage would wipe.
_CONTAINERS = """\
[containers]
log_size_max = 1048576
[engine]
lock_type = "file"
events_logger = "file"
tmp_dir = "{run}/libpod"
static_dir = "{root}/libpod"
volume_path = "{root}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "{root}/networks"
"""


@dataclass(frozen=True, slots=True)
class Container:
    """What podman says about one container of ours. host and sandbox come from its labels."""

    name: str
    sandbox: str
    host: str
    running: bool


class Podman:
    """podman with our storage.

    Args:
        run: Starts programs.
        state: Where our storage is.
        prefix: Program and arguments that enter the private namespace; empty where podman runs as it is.
    """

    def __init__(self, run: Runner, state: StateDir, prefix: Sequence[str] = ()) -> None:
        self._run, self._state, self._prefix = run, state, tuple(prefix)

    def write_config(self) -> None:
        """Write the two files that make the storage ours.

        Whole or not at all, and only where they differ: another command's podman may be reading them.
        """
        for path, text in ((self._storage_conf, _STORAGE), (self._containers_conf, _CONTAINERS)):
            wanted = text.format(root=self._state.podman, run=self._state.run)
            if not path.exists() or path.read_text("utf-8") != wanted:
                beside = path.with_name(f"{path.name}.{os.getpid()}")
                beside.write_text(wanted, "utf-8")
                beside.replace(path)

    def call(self, *arguments: str, stdin: str = "", timeout_seconds: float = 120) -> Result:
        """Run podman; how it ended is the caller's to judge."""
        argv = (*self._prefix, "podman", *arguments)
        return self._run(argv, stdin=stdin, env=self.env(), timeout_seconds=timeout_seconds)

    def must(self, what: str, *arguments: str, timeout_seconds: float = 120) -> str:
        """Run podman and return its output.

        Raises: SandboxError: It failed; `what` could not be done.
        """
        result = self.call(*arguments, timeout_seconds=timeout_seconds)
        if not result.ok:
            raise SandboxError(f"cannot {what}", why=result.tail(), next="vpsdeploy sandbox status")
        return result.stdout

    def env(self) -> Mapping[str, str]:
        """The variables that point podman, and the conmon it leaves behind, at our configuration."""
        return {
            "CONTAINERS_CONF": str(self._containers_conf),
            "CONTAINERS_STORAGE_CONF": str(self._storage_conf),
        }

    def containers(self, sandbox: str = "") -> tuple[Container, ...]:
        """Containers of one sandbox, or of all."""
        wanted = f"{LABEL}={sandbox}" if sandbox else LABEL
        text = self.must(
            "list the sandbox's hosts", "ps", "--all", "--filter", f"label={wanted}", "--format", "json"
        )
        return tuple(_container(found) for found in json.loads(text or "[]"))

    def network(self, sandbox: str) -> str:
        """The name of a sandbox's network, in this storage only: podman names its rules for packets by it.

        Two networks of one name would share their rules, though they are of two storages, and one of them would have
        its hosts' addresses hidden from each other.
        """
        return f"vpsdeploy-{sandbox}-{self._digest(sandbox)}"

    def networks(self, sandbox: str) -> tuple[str, ...]:
        """Networks of one sandbox: one, or none; one that an older vpsdeploy made has another name."""
        wanted = ("--filter", f"label={LABEL}={sandbox}", "--format", "{{.Name}}")
        return tuple(self.must("list the sandbox's networks", "network", "ls", *wanted).split())

    def name_bridge(self, network: str) -> None:
        """Give a network that no host uses yet a bridge name that no other podman would choose.

        podman numbers its bridges by what it sees; two storages would come to share one. `--interface-name` is newer
        than Debian 12's podman.
        """
        path = self._state.podman / "networks" / f"{network}.json"
        settings = json.loads(path.read_text("utf-8"))
        beside = path.with_suffix(".new")
        beside.write_text(
            json.dumps({**settings, "network_interface": f"vpsd-{self._digest(network)}"}), "utf-8"
        )
        beside.replace(path)

    def _digest(self, name: str) -> str:
        return hashlib.sha256(f"{self._state.root}:{name}".encode()).hexdigest()[:8]

    @property
    def _storage_conf(self) -> Path:
        return self._state.podman / "storage.conf"

    @property
    def _containers_conf(self) -> Path:
        return self._state.podman / "containers.conf"


def _container(found: Mapping[str, object]) -> Container:
    labels, names = found.get("Labels"), found.get("Names")
    labels = labels if isinstance(labels, dict) else {}
    name = names[0] if isinstance(names, list) and names else ""
    return Container(
        str(name),
        str(labels.get(LABEL, "")),
        str(labels.get(f"{LABEL}.host", "")),
        found.get("State") == "running",
    )
