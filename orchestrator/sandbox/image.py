"""The Debian image that sandbox hosts are made from: built from Debian's packages, kept by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator.errors import SandboxError
from orchestrator.sandbox.controller import Surroundings
from orchestrator.sandbox.mounts import MOUNTS, mounts_below
from orchestrator.sandbox.podman import LABEL, Podman
from orchestrator.sandbox.process import Runner
from orchestrator.sandbox.spec import SUITES
from orchestrator.sandbox.state import StateDir

# What a provider's minimal image has.
PACKAGES = (
    "systemd", "systemd-sysv", "libpam-systemd", "dbus", "openssh-server", "sudo", "python3", "ca-certificates",
    "iproute2",
)  # fmt: skip
ROOTFS = Path(__file__).parent / "rootfs"
INIT = "/usr/lib/vpsdeploy-sandbox/init"
# Kernel modules are the machine's; without the mask `systemctl is-system-running` says degraded.
_MASKED = ("systemd-modules-load.service",)
# The last steps of a build, in a shell on this machine; $1 is the new root.
_HOOKS = (
    'chroot "$1" update-ca-certificates',
    f'chroot "$1" systemctl mask {" ".join(_MASKED)}',
    'chroot "$1" systemctl enable vpsdeploy-sandbox-hostkeys.service',
    # Each host makes its own.
    'rm -f "$1"/etc/ssh/ssh_host_*',
)

# When we are killed, the whole build ends at once, and its mounts end with it: it has processes and mounts of its own.
_ALONE = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *(
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
    ),
)


def reference(debian: int, surroundings: Surroundings) -> str:
    """The image's name: another one as soon as anything that goes into it differs."""
    keyrings = {
        path: hashlib.sha256(data).hexdigest() for path, data in (surroundings.keyrings or {}).items()
    }
    content = {
        "arguments": arguments(debian, surroundings, Path("TREE"), Path("TAR")),
        "certificates": dict(surroundings.certificates or {}),
        "keyrings": keyrings,
        "npmrc": surroundings.npmrc,
        "rootfs": {str(path.relative_to(ROOTFS)): path.read_text("utf-8") for path in _files(ROOTFS)},
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return f"localhost/vpsdeploy-sandbox:{debian}-{digest}"


def arguments(debian: int, surroundings: Surroundings, tree: Path, tar: Path) -> tuple[str, ...]:
    """mmdebstrap's arguments. The apt options also stay in the image, so that hosts reach the same mirrors."""
    suite = SUITES[debian]
    options = tuple(f"--aptopt={line.rstrip(';')}" for line in surroundings.apt_options)
    hooks = tuple(f"--customize-hook={hook}" for hook in (f"sync-in {tree} /", *_HOOKS))
    lines = tuple(source.line(suite) for source in surroundings.sources)
    return ("--variant=minbase", f"--include={','.join(PACKAGES)}", *options, *hooks, suite, str(tar), *lines)


class ImageStore:
    """Finds the image of a Debian version and builds it where it is missing."""

    def __init__(self, run: Runner, state: StateDir, podman: Podman) -> None:
        self._run, self._state, self._podman = run, state, podman

    def ensure(self, debian: int, surroundings: Surroundings, progress: Callable[[str], None]) -> str:
        """The image's name, after building it where there is none; two processes do not build the same one.

        Raises: SandboxError: mmdebstrap or podman failed.
        """
        name = reference(debian, surroundings)
        with self._state.lock(f"image-{debian}"):
            if not self._podman.call("image", "exists", name).ok:
                self._build(debian, name, surroundings, progress)
        return name

    def _build(
        self, debian: int, name: str, surroundings: Surroundings, progress: Callable[[str], None]
    ) -> None:
        progress(f"Debian {debian}: building the image (about a minute, once)")
        for left_over in self._state.builds.glob(f"{debian}-*"):
            # Never delete through a mount: a killed build may have this machine's own /dev mounted there.
            if not mounts_below(left_over, MOUNTS.read_text("utf-8")):
                shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{debian}-", dir=self._state.builds) as scratch:
            tree, tar = Path(scratch) / "tree", Path(scratch) / "image.tar"
            write_tree(tree, surroundings)
            self._bootstrap(debian, arguments(debian, surroundings, tree, tar), scratch, progress)
            progress(f"Debian {debian}: storing the image")
            self._podman.must("store the image", "import", "--change", f"LABEL {LABEL}.image={debian}", str(tar), name,
                              timeout_seconds=600)  # fmt: skip

    def _bootstrap(
        self, debian: int, argv: tuple[str, ...], scratch: str, progress: Callable[[str], None]
    ) -> None:
        def report(line: str) -> None:
            if line.startswith("I: ") and line.endswith("..."):
                progress(f"Debian {debian}: {line[3:-3]}")

        result = self._run((*_ALONE, "mmdebstrap", *argv), env={"TMPDIR": scratch}, on_line=report)
        if not result.ok:
            why = result.tail(8)
            raise SandboxError(
                f"cannot build the Debian {debian} image",
                why=why,
                next="apt-get update, to see whether the mirrors answer",
            )


def write_tree(tree: Path, surroundings: Surroundings) -> None:
    """Lay out the files that are added to Debian's: ours, and what this machine hands over."""
    shutil.copytree(ROOTFS, tree)
    for name, text in (surroundings.certificates or {}).items():
        _write(tree / "usr/local/share/ca-certificates" / name, text.encode())
    for path, content in (surroundings.keyrings or {}).items():
        _write(tree / path.lstrip("/"), content)
    if surroundings.npmrc:
        _write(tree / "etc/npmrc", surroundings.npmrc.encode())
    for place in (tree, *tree.rglob("*")):
        # A checkout under a strict umask must not decide the modes of a host's directories.
        place.chmod(0o755 if place.is_dir() or str(place) == f"{tree}{INIT}" else 0o644)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_file())
