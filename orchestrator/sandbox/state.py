"""Where the sandbox keeps its things on this machine, and the locks around them."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StateDir:
    """The two directories of ours.

    Attributes:
        root: Survives a reboot: records, keys, images, containers.
        run: Does not, as the mounts and processes it describes do not. Its name is short: sockets lie below it.
    """

    root: Path
    run: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> StateDir:
        """$XDG_STATE_HOME/vpsdeploy/sandbox, and a directory in /run of its own for each such place."""
        home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/root")) / ".local/state")
        root = Path(home).absolute() / "vpsdeploy" / "sandbox"
        digest = hashlib.sha256(str(root).encode()).hexdigest()[:8]
        return cls(root, Path("/run/vpsdeploy") / digest)

    @property
    def podman(self) -> Path:
        """Images, containers and networks of our podman."""
        return self.root / "podman"

    @property
    def builds(self) -> Path:
        """Images that are being built."""
        return self.root / "builds"

    @property
    def sandboxes(self) -> Path:
        """One directory for each sandbox."""
        return self.root / "sandboxes"

    def sandbox(self, name: str) -> Path:
        """Record and key of one sandbox."""
        return self.sandboxes / name

    def key_file(self, name: str) -> Path:
        """The private key that logs in to the hosts of one sandbox."""
        return self.sandbox(name) / "id_ed25519"

    def names(self) -> tuple[str, ...]:
        """Sandboxes that have a directory."""
        return tuple(sorted(path.name for path in self.sandboxes.glob("*") if path.is_dir()))

    def prepare(self) -> None:
        """Make both directories, readable by their owner only."""
        for path in (
            self.root,
            self.podman,
            self.builds,
            self.sandboxes,
            self.run.parent,
            self.run,
            self._locks,
        ):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def lock(self, what: str, *, shared: bool = False) -> Iterator[None]:
        """Wait for one of our locks and hold it; a process that dies lets go of it.

        The locks lie in `run`, apart from what `down --all` removes, so that a waiter never holds a file that is gone.
        """
        self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._locks / what).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield

    @property
    def _locks(self) -> Path:
        return self.run / "locks"
