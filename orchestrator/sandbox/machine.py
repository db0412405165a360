"""The ground under all sandboxes of this machine: our podman, its namespace where one is needed, and their removal."""

from __future__ import annotations

import shutil

from orchestrator.errors import SandboxError
from orchestrator.sandbox.mounts import MOUNTS, mounts_below
from orchestrator.sandbox.namespace import Namespace
from orchestrator.sandbox.podman import Podman
from orchestrator.sandbox.process import Runner, run
from orchestrator.sandbox.state import StateDir

ALL = "machine"


class Machine:
    """Podman as it must be called here.

    Attributes:
        run: Starts programs.
        state: Our directories and locks.
        podman: Every call of it.
    """

    def __init__(self, runner: Runner = run, state: StateDir | None = None) -> None:
        self.run, self.state = runner, state or StateDir.from_environment()
        self._namespace = Namespace(self.run, self.state.run / "ns")
        self.podman = Podman(self.run, self.state)

    def prepare(self) -> None:
        """Make the directories, the configuration and, where the machine needs it, the namespace.

        Raises: SandboxError
        """
        self.state.prepare()
        with self.state.lock("prepare"):
            if self._namespace.needed():
                self._namespace.create()
                self.podman = Podman(self.run, self.state, self._namespace.prefix)
            self.podman.write_config()

    @property
    def used(self) -> bool:
        """Whether anything of ours was ever made here and not removed."""
        return self.state.podman.is_dir()

    def remove(self) -> None:
        """Remove images, storage and namespace. No sandbox may be left; the caller holds the lock ALL.

        Raises: SandboxError: Something of it is still in use.
        """
        self.podman.call("rm", "--all", "--force", "--time", "0")
        self.podman.call("rmi", "--all", "--force")
        self._namespace.remove()
        # Never delete through a mount: what it shows may be somebody else's.
        for place in (self.state.root, self.state.run):
            for mount in mounts_below(place, MOUNTS.read_text("utf-8")):
                self._unmount(mount)
        for path in (self.state.root, self.state.run / "storage", self.state.run / "libpod"):
            shutil.rmtree(path, ignore_errors=True)
        if self.state.root.exists():
            raise SandboxError("cannot remove the sandbox's storage", next=f"rm -r {self.state.root}")

    def _unmount(self, mount: str) -> None:
        result = self.run(("umount", mount))
        if not result.ok:
            raise SandboxError(
                "the sandbox's storage is in use",
                why=result.tail(),
                next="vpsdeploy sandbox down --all, again",
            )
