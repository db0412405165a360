"""One sandbox host, reached as root over SSH: for what is set up and measured beside the releases themselves."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 600
SOCKETS = tempfile.mkdtemp(prefix="bench-")
"""Short, and ours alone: the name of a shared connection's socket has a limit of 108 bytes."""


@dataclass(frozen=True, slots=True)
class Box:
    """A host.

    Attributes:
        name: In the sandbox.
        address: Its IP address.
        key: Private key that root accepts.
        known_hosts: File with its host keys.
    """

    name: str
    address: str
    key: Path
    known_hosts: Path

    def run(self, command: str, stdin: bytes = b"") -> str:
        """Run a shell command; its standard output.

        Raises: RuntimeError: it failed; with its output.
        """
        done = subprocess.run(
            [*self._ssh(), command], input=stdin, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise RuntimeError(f"{self.name}: {command[:200]} ended with {done.returncode}:\n{said[-4000:]}")
        return done.stdout.decode()

    def timed(self, command: str) -> float:
        """Run a shell command; its wall clock, as the host's own shell sees it (seconds)."""
        log = "/tmp/timed.log"  # noqa: S108 - on a host that lives as long as the benchmark
        clock = f"TIMEFORMAT=%R; {{ time {{ {command} ; }} >{log} 2>&1 ; }} 2>&1"
        output = self.run(f"{clock} || {{ tail -n 40 {log}; exit 1; }}")
        return float(output.split()[-1])

    def push(self, directory: Path, target: str, *names: str) -> None:
        """Copy files of a directory into one on the host; all of them where none is named."""
        packed = subprocess.run(
            ["tar", "cz", "-C", directory, *(names or (".",))], capture_output=True, check=True
        )
        self.run(f"mkdir -p {target} && tar xz --no-same-owner -C {target}", packed.stdout)

    def received_bytes(self) -> int:
        """What its network interface has received since it booted."""
        return int(self.run("cat /sys/class/net/eth0/statistics/rx_bytes"))

    def resident_bytes(self, pattern: str) -> int:
        """Memory of the processes whose command line matches, shared pages counted once (PSS)."""
        script = (
            f"for p in $(pgrep -f '{pattern}'); do [ $p = $$ ] || cat /proc/$p/smaps_rollup 2>/dev/null; done"
            " | awk '/^Pss:/ {s += $2} END {print s * 1024}'"
        )
        return int(float(self.run(script)))

    def _ssh(self) -> list[str]:
        options = {
            "BatchMode": "yes", "UserKnownHostsFile": str(self.known_hosts), "LogLevel": "ERROR",
            "ControlMaster": "auto", "ControlPersist": "60", "ControlPath": f"{SOCKETS}/%C",
        }  # fmt: skip
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return ["ssh", "-i", str(self.key), *words, f"root@{self.address}"]
