"""One sandbox host: its container, its boot, its host keys, its login."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from orchestrator.errors import SandboxError
from orchestrator.sandbox.image import INIT
from orchestrator.sandbox.podman import LABEL, Podman
from orchestrator.sandbox.process import Result
from orchestrator.sandbox.record import HostRecord

BOOT_LIMIT_SECONDS = 60
STOP_LIMIT_SECONDS = 20
# As high as a machine without CAP_SYS_RESOURCE lets a container go, and enough for a server.
_ULIMITS = ("--ulimit", "nofile=10000:10000", "--ulimit", "nproc=20000:20000")
# $1: the public key of the login.
_ADMIT = """
umask 077; mkdir -p /root/.ssh; cd /root/.ssh; touch authorized_keys
grep -qxF "$1" authorized_keys || echo "$1" >> authorized_keys
cat /etc/ssh/ssh_host_*_key.pub
"""


def container_name(sandbox: str, host: str) -> str:
    """The container's name."""
    return f"{sandbox}.{host}"


def run_arguments(sandbox: str, host: HostRecord, network: str) -> tuple[str, ...]:
    """`podman run` for one host. --replace: a container that a killed podman left half made is made again."""
    labels = ("--label", f"{LABEL}={sandbox}", "--label", f"{LABEL}.host={host.name}")
    tmpfs = tuple(
        part
        for path, size in host.tmpfs.items()
        for part in ("--tmpfs", f"{path}:rw,exec,mode=0755,size={size}")
    )
    name = ("--name", container_name(sandbox, host.name), "--hostname", host.name)
    limits = ("--pids-limit=-1", *_ULIMITS)
    # Proxies reach apt through its own settings and names come from the host's own /etc/hosts: nothing leaks in.
    own = ("--http-proxy=false", "--no-hosts", "--pull=never")
    system = ("--systemd=always", "--privileged")
    return (
        "run",
        "--detach",
        "--replace",
        *name,
        *labels,
        *("--network", network, "--ip", host.address),
        *own,
        *system,
        *limits,
        *tmpfs,
        host.image,
        INIT,
    )


def network_arguments(sandbox: str, network: str, subnet: str, resolv_conf: str) -> tuple[str, ...]:
    """`podman network create`. podman's own name server is used only where the machine's is out of the hosts' reach."""
    servers = [line.split()[1] for line in resolv_conf.splitlines() if line.startswith("nameserver ")]
    reachable = any(not server.startswith(("127.", "::1")) for server in servers)
    dns = ("--disable-dns",) if reachable else ()
    return (
        "network",
        "create",
        "--subnet",
        subnet,
        "--label",
        f"{LABEL}={sandbox}",
        *dns,
        network,
    )


class SandboxHost:
    """One host by name.

    Args:
        clock: Seconds that only go forward.
        sleep: Waits.
        greets: Whether an SSH server answers at an address.
    """

    def __init__(
        self,
        podman: Podman,
        sandbox: str,
        host: HostRecord,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        greets: Callable[[str], bool] | None = None,
    ) -> None:
        self._podman, self._sandbox, self._host = podman, sandbox, host
        self._container = container_name(sandbox, host.name)
        self._clock, self._sleep, self._greets = clock, sleep, greets or ssh_answers

    def create(self) -> None:
        """Make and start the container."""
        (network,) = self._podman.networks(self._sandbox)
        self._podman.must(f"make host {self._host.name}", *run_arguments(self._sandbox, self._host, network))

    def start(self) -> None:
        """Start the container again: same disk, address and host keys."""
        self._podman.must(f"start host {self._host.name}", "start", self._container)

    def stop(self) -> None:
        """Shut the host down; after the limit its power is cut."""
        limit = STOP_LIMIT_SECONDS
        self._podman.must(
            f"stop host {self._host.name}",
            "stop",
            "--time",
            str(limit),
            self._container,
            timeout_seconds=limit + 30,
        )

    def cut_power(self) -> None:
        """End all its processes at once."""
        self._podman.must(f"cut the power of {self._host.name}", "kill", "--signal", "KILL", self._container)

    def execute(self, *argv: str, stdin: str = "", timeout_seconds: float = 60) -> Result:
        """Run a program as root, past SSH."""
        interactive = ("--interactive",) if stdin else ()
        return self._podman.call(
            "exec", *interactive, self._container, *argv, stdin=stdin, timeout_seconds=timeout_seconds
        )

    def wait_until_booted(self, *, fresh: bool) -> None:
        """Wait until systemd has booted and sshd answers.

        Args:
            fresh: A failed unit is an error; on a host that was used it is its owner's business.
        Raises: SandboxError: A unit failed, or the limit passed.
        """
        deadline = self._clock() + BOOT_LIMIT_SECONDS
        last = "nothing yet"
        while self._clock() < deadline:
            last = self.execute("systemctl", "is-system-running", timeout_seconds=10).stdout.strip() or last
            if last == "degraded" and fresh:
                raise self._degraded()
            if last in ("running", "degraded") and self._greets(self._host.address):
                return
            self._sleep(0.2)
        why = f"systemd says: {last}; limit {BOOT_LIMIT_SECONDS} s"
        raise SandboxError("the host did not boot", host=self._host.name, why=why, next=self._look())

    def admit(self, public_key: str) -> tuple[str, ...]:
        """Let a key log in as root, and read the public SSH host keys.

        They are read from the host's disk, not from the network, so that nothing is taken on trust.

        Raises: SandboxError
        """
        result = self.execute("sh", "-euc", _ADMIT, "sh", public_key)
        if not result.ok:
            raise SandboxError(
                "cannot prepare the login", host=self._host.name, why=result.tail(), next=self._look()
            )
        return tuple(sorted(result.stdout.splitlines()))

    def _degraded(self) -> SandboxError:
        failed = self.execute("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout
        units = ", ".join(line.split()[0] for line in failed.splitlines() if line.strip())
        return SandboxError(
            "the host booted, but units failed",
            host=self._host.name,
            why=f"failed: {units}",
            next=self._look(),
        )

    def _look(self) -> str:
        return f"vpsdeploy sandbox down --name {self._sandbox}, then up again"


def ssh_answers(address: str, port: int = 22, timeout_seconds: float = 2) -> bool:
    """Whether an SSH server greets there."""
    try:
        with socket.create_connection((address, port), timeout_seconds) as connection:
            return connection.recv(8).startswith(b"SSH-")
    except OSError:
        return False
