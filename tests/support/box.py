"""An SFTP server that is not ours, as a storage box is: its user, its port and its host key are its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.machines import keygen

PORT = 2323
_MADE = """
set -eu
umask 077
cat > /root/box_key <<'KEY'
{secret}KEY
umask 022
useradd --create-home --shell /bin/sh --password '*' box
install -d -m 700 -o box /home/box/.ssh
printf '%s\\n' 'Port {port}' 'ListenAddress {address}' 'HostKey /root/box_key' 'PidFile none' \\
  'AuthorizedKeysFile .ssh/authorized_keys' 'Subsystem sftp internal-sftp' 'PasswordAuthentication no' \\
  'StrictModes no' 'UsePAM no' > /root/box_sshd
mkdir -p /run/sshd
"""
_STARTED = "systemctl reset-failed; systemd-run --quiet --unit=box /usr/sbin/sshd -D -f /root/box_sshd"
_ADMITTED = "echo '{key}' > /home/box/.ssh/authorized_keys; chown box /home/box/.ssh/authorized_keys"


@dataclass(frozen=True)
class Box:
    """One of them.

    Attributes:
        key: Its host key's file; the public one is beside it.
        address: Where it listens.
    """

    key: Path
    address: str

    @classmethod
    def of(cls, place: Path, address: str) -> Box:
        """One with a new host key, kept in this directory."""
        key = place / "box_key"
        keygen(key)
        return cls(key, address)

    @property
    def target(self) -> str:
        """What the configuration says of it, in YAML."""
        public = self.key.with_suffix(".pub").read_text().strip()
        return f'{{url: "sftp://box@{self.address}:{PORT}/shop", host_key: "{public}"}}'

    def start(self, on: Callable[[str], Any]) -> None:
        """Make it on a host and start it.

        Args:
            on: Runs a shell's script there as root.
        """
        on(_MADE.format(secret=self.key.read_text(), port=PORT, address=self.address) + _STARTED)

    def admit(self, on: Callable[[str], Any], public_key: str) -> None:
        """Let in whoever has this key."""
        on(_ADMITTED.format(key=public_key))

    def stop(self, on: Callable[[str], Any]) -> None:
        """Nobody answers there any more."""
        on("systemctl stop box")

    def again(self, on: Callable[[str], Any]) -> None:
        """The same one, started again."""
        on(_STARTED)
