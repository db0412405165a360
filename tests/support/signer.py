"""A GPG key that is made on the spot, and what it signs."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OWNER = "Somebody <somebody@example.com>"


class Signer:
    """One key in a keyring of its own.

    Args:
        home: GPG's directory; its path must be short, because GPG's agent listens in it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._gpg("--passphrase", "", "--quick-generate-key", _OWNER, "ed25519", "sign", "1d")

    def clearsigned(self, text: str) -> bytes:
        """The text with its signature around it, as SHASUMS256.txt.asc and InRelease are."""
        return self._gpg("--clearsign", content=text.encode())

    def exported(self) -> bytes:
        """The public key as a keyring that gpgv and apt read."""
        return self._gpg("--export")

    def armored(self) -> bytes:
        """The public key as text."""
        return self._gpg("--armor", "--export")

    def fingerprint(self) -> str:
        """The key's fingerprint."""
        listed = self._gpg("--list-keys", "--with-colons").decode().splitlines()
        return next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def _gpg(self, *arguments: str, content: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", *arguments]
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout


@contextmanager
def signer() -> Iterator[Signer]:
    """A new key; it and GPG's agent are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        yield Signer(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)
        shutil.rmtree(home, ignore_errors=True)  # the agent that is ending removes its sockets meanwhile
