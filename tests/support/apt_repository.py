"""An apt repository made on the spot: packages by dpkg-deb, an index, a signature."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tests.support.signer import Signer


class AptRepository:
    """A repository below a directory that somebody serves.

    Args:
        root: Where it is, such as the web server's directory.
        key: Signs it.
        suite: Such as bookworm/mongodb-org/8.0.
        origin: What its Release calls itself.
    """

    def __init__(self, root: Path, key: Signer, suite: str, origin: str) -> None:
        self.root, self.key, self.suite, self.origin = root, key, suite, origin
        self.architecture = _architecture()
        self.index = root / "dists" / suite / "main" / f"binary-{self.architecture}" / "Packages"
        self.index.parent.mkdir(parents=True)
        self._described: list[str] = []

    def add(self, name: str, version: str, files: dict[str, str] | None = None) -> None:
        """A package with these programs."""
        fields = {
            "Package": name,
            "Version": version,
            "Architecture": self.architecture,
            "Maintainer": "A <a@b.c>",
        }
        control = "".join(f"{key}: {value}\n" for key, value in fields.items())
        with tempfile.TemporaryDirectory() as directory:
            build = Path(directory) / "build"
            (build / "DEBIAN").mkdir(parents=True, mode=0o755)
            build.chmod(0o755)
            (build / "DEBIAN").chmod(0o755)
            (build / "DEBIAN/control").write_text(f"{control}Description: {name}\n")
            for path, text in (files or {}).items():
                program = build / path
                program.parent.mkdir(parents=True, exist_ok=True)
                program.write_text(text)
                program.chmod(0o755)
            package = self.root / f"{name}_{version}.deb"
            subprocess.run(["dpkg-deb", "--build", str(build), str(package)], check=True, capture_output=True)
        content = package.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self._described.append(
            f"{control}Filename: {package.name}\nSize: {len(content)}\nSHA256: {digest}\nDescription: {name}\n"
        )

    def sign(self, key: Signer | None = None) -> None:
        """Write the index and sign it."""
        self.index.write_text("\n".join(self._described))
        content = self.index.read_bytes()
        release = (
            f"Origin: {self.origin}\nSuite: {self.suite}\nArchitectures: {self.architecture}\nComponents: main\n"
            "Date: Mon, 23 Nov 2026 00:00:00 +0000\n"
            f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} main/{self.index.parent.name}/Packages\n"
        )
        (self.index.parents[2] / "InRelease").write_bytes((key or self.key).clearsigned(release))


def _architecture() -> str:
    asked = ["dpkg", "--print-architecture"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
