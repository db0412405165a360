"""A private mount namespace with a pure cgroup2 mount, for machines with the hybrid cgroup layout.

There, /sys/fs/cgroup holds version 1 controllers with an empty version 2 beside them, which podman cannot use. All
podman calls of ours enter one persistent namespace that differs in this mount only; the machine's own mounts stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import SandboxError
from orchestrator.sandbox.process import Runner

_CGROUP = "/sys/fs/cgroup"
# Runs inside the new namespace.
_MOUNT_CGROUP2 = f"umount -R {_CGROUP}; mount -t cgroup2 cgroup2 {_CGROUP}"


class Namespace:
    """The namespace, kept alive by a bind mount in `directory`."""

    def __init__(self, run: Runner, directory: Path) -> None:
        self._run, self._directory = run, directory

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a program so that it runs inside; the working directory changes: use absolute paths."""
        return ("nsenter", f"--mount={self._file}", "--")

    def needed(self) -> bool:
        """Whether this machine's /sys/fs/cgroup is anything but cgroup2."""
        return self._file_system(()) != "cgroup2fs"

    def ready(self) -> bool:
        """Whether the namespace exists and has the mount."""
        return self._file_system(self.prefix) == "cgroup2fs"

    def create(self) -> None:
        """Make the namespace; what a process that was killed left half made is removed first.

        Raises: SandboxError: The machine refuses.
        """
        if self.ready():
            return
        self.remove()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = str(self._directory)
        self._must("mount", "--bind", place, place)
        # A namespace file can only be mounted where mounts do not propagate.
        self._must("mount", "--make-private", place)
        self._file.touch()
        self._must("unshare", f"--mount={self._file}", "--propagation", "private", "true")
        self._must(*self.prefix, "sh", "-c", _MOUNT_CGROUP2)

    def remove(self) -> None:
        """Let go of the namespace; the kernel ends it when no process is left in it."""
        for path in (self._file, self._directory):
            while self._is_mounted(path):
                self._must("umount", str(path))
        self._file.unlink(missing_ok=True)
        if self._directory.is_dir():
            self._directory.rmdir()

    @property
    def _file(self) -> Path:
        return self._directory / "mnt"

    def _file_system(self, prefix: Sequence[str]) -> str:
        return self._run((*prefix, "stat", "--file-system", "--format=%T", _CGROUP)).stdout.strip()

    def _is_mounted(self, path: Path) -> bool:
        return path.exists() and self._run(("mountpoint", "--quiet", str(path))).ok

    def _must(self, *argv: str) -> None:
        result = self._run(argv)
        if not result.ok:
            why = f"{' '.join(argv)}: {result.tail()}"
            raise SandboxError(
                "cannot make a mount namespace for podman", why=why, next="run as root, outside a container"
            )
