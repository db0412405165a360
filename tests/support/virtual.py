"""A host with a kernel of its own: a sandbox host's file system on a disk, under qemu, on this machine."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from orchestrator.workflows import sandbox
from tests.support.vps import Project
from tests.support.waiting import until

DISK_SCRIPT = Path(__file__).with_name("disk.sh").read_text()
ADDRESS, ADMIN = "10.0.2.15", "admin"
"""What qemu's own network gives its machine, and who may do everything there after `provision host`."""
HERE = "127.0.0.1"
PROCESSORS = 2
_KERNEL_ARGUMENTS = "root=/dev/vda ro console=ttyS0 quiet tsc=reliable mitigations=off"
_SSH_SECONDS, _SHUTDOWN_SECONDS = 600, 120
# Of a running host: not what is mounted there.
_TAR = ("tar", "--xattrs", "--xattrs-include=security.capability", "--numeric-owner", "-S")
_PACK = (*_TAR, "-C", "/", "--one-file-system", "--exclude=./run/*", "--exclude=./tmp/*", "-cf", "-", ".")
_UNPACK = (*_TAR, "-C", "/root/disk/root", "-xpf", "-")


@dataclass(frozen=True)
class Machine:
    """A machine of this kind.

    Attributes:
        place: Its disk, its kernel, what it wrote to its console.
        key: The private key that logs in.
        known_hosts: Where its host keys are.
        ports: Its ports, and where they are here.
    """

    place: Path
    key: Path
    known_hosts: Path
    ports: dict[int, int]

    @property
    def shell(self) -> tuple[str, ...]:
        """The command that opens a shell there as root."""
        return root_shell(self.key, self.known_hosts, HERE, self.ports[22])

    def tried(self, script: str, timeout_seconds: float = _SSH_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a shell's script as root; how it ends is the caller's to judge."""
        return subprocess.run(
            [*self.shell, "-c", shlex.quote(script)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=timeout_seconds,
        )  # fmt: skip

    def on(self, script: str) -> str:
        """The same, and it has to succeed; its standard output."""
        done = self.tried(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, script: str, *words: str) -> None:
        """The same with words for the script, at whose first failure it ends."""
        self.on(f"set -eu; set -- {shlex.join(words)}; {script}")

    def boot_id(self) -> str:
        """The name of this start, once everything has been started; none before."""
        said = self.tried("systemctl is-system-running --wait; cat /proc/sys/kernel/random/boot_id").stdout
        return said.split()[-1] if said else ""

    def reboot(self) -> None:
        """Restart it as its owner would."""
        before = self.boot_id()
        self.tried("systemctl reboot")
        until(lambda: self.boot_id() not in ("", before))


def login(key: Path, known_hosts: Path, target: str, port: int = 22) -> tuple[str, ...]:
    """OpenSSH's client, which asks nobody and trusts the keys of this file only."""
    options = (
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "ConnectTimeout=20",
        "ServerAliveInterval=30",
        f"UserKnownHostsFile={known_hosts}",
    )
    settings = [part for option in options for part in ("-o", option)]
    return ("ssh", "-q", "-F", "none", "-i", str(key), "-p", str(port), *settings, target)


def root_shell(key: Path, known_hosts: Path, address: str, port: int = 22) -> tuple[str, ...]:
    """A shell as root on a host that has been provisioned."""
    return (*login(key, known_hosts, f"{ADMIN}@{address}", port), "sudo", "-n", "sh")


def accelerator() -> tuple[str, ...]:
    """The processor's own, where this machine has it and lets us; else an emulated one, many times slower.

    A /dev/kvm without either of these modules is software too (kvm-pvm), and does not get through Debian's kernel.
    """
    own = any(Path("/sys/module", name).exists() for name in ("kvm_intel", "kvm_amd"))
    if own and os.access("/dev/kvm", os.R_OK | os.W_OK):
        return ("-accel", "kvm", "-cpu", "host")
    return ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off")


def free_port() -> int:
    """One that nobody listens on here."""
    with socket.socket() as one:
        one.bind((HERE, 0))
        return int(one.getsockname()[1])


def pipe(source: Sequence[str], target: Sequence[str]) -> None:
    """Hand what one program writes to another; both have to succeed."""
    with subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as first:
        subprocess.run(target, stdin=first.stdout, check=True)
    assert first.returncode == 0, source


def twin(project: Project, host: str, builder: str, place: Path, *served: int) -> tuple[Project, Machine]:
    """A machine from a provisioned sandbox host, and a copy of its project that knows the host as that machine.

    Args:
        project: Whose host it is; it stays as it is.
        host: The host.
        builder: A bare host of the same sandbox, where the disk is made.
        place: An empty directory for the copy and the disk.
        served: Its ports that are to be reached here, beside SSH's.
    """
    copy = project.twin(place)
    ports = {port: free_port() for port in (22, *served)}
    machine = Machine(place, copy.key, copy.inventory.with_name("known_hosts"), ports)
    addresses = {one.name: one.address for one in sandbox.status(project.name).hosts}
    _move(copy, host, addresses[host], ports[22])
    _make_disk(project, host, builder, addresses, machine)
    return copy, machine


def _move(project: Project, host: str, address: str, port: int) -> None:
    """Have a project find the host at a port of this machine."""
    inventory = yaml.safe_load(project.inventory.read_text())
    here = {"ansible_host": HERE, "ansible_port": port, "vpsdeploy_private_address": ADDRESS}
    inventory["all"]["hosts"][host] = here
    project.inventory.write_text(yaml.safe_dump(inventory))
    known = project.inventory.with_name("known_hosts")
    text = known.read_text()
    moved = [line.split(" ", 1)[1] for line in text.splitlines() if line.startswith(f"{address} ")]
    known.write_text(text + "".join(f"[{HERE}]:{port} {key}\n" for key in moved))


def _make_disk(
    project: Project, host: str, builder: str, addresses: dict[str, str], machine: Machine
) -> None:
    """Copy a provisioned host's file system to a bare one, make a disk of it there and bring that here."""
    known = project.inventory.with_name("known_hosts")
    provisioned = login(machine.key, known, f"{ADMIN}@{addresses[host]}")
    bare = login(machine.key, known, f"root@{addresses[builder]}")
    names = project.on(host, "cat", "/etc/hosts").replace(addresses[host], ADDRESS)
    project.on(builder, "mkdir", "-p", "/root/disk/root")
    pipe([*provisioned, "sudo", "-n", *_PACK], [*bare, *_UNPACK])
    project.on(builder, "sh", "-c", DISK_SCRIPT, "sh", host, names.strip())
    pipe(
        [*bare, "tar", "-S", "-C", "/root/disk", "-cf", "-", "."],
        ["tar", "-S", "-C", str(machine.place), "-xf", "-"],
    )
    project.on(builder, "rm", "-r", "/root/disk")


@contextmanager
def running(machine: Machine, processors: int = PROCESSORS) -> Iterator[None]:
    """Boot it, and shut it down at the end."""
    forwarded = "".join(f",hostfwd=tcp:{HERE}:{here}-:{there}" for there, here in machine.ports.items())
    command = [
        "qemu-system-x86_64", *accelerator(), "-smp", str(processors), "-m", "2048", "-display", "none",
        "-monitor", "none", "-serial", f"file:{machine.place / 'console'}", "-device", "virtio-rng-pci",
        "-drive", f"file={machine.place / 'disk'},format=raw,if=virtio,cache=unsafe",
        "-nic", f"user,model=virtio-net-pci{forwarded}",
        "-kernel", str(machine.place / "kernel"), "-initrd", str(machine.place / "initrd"),
        "-append", _KERNEL_ARGUMENTS,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or machine.boot_id() != "")
        assert process.poll() is None, f"qemu ended with {process.returncode}"
        yield
        machine.tried("systemctl poweroff")
        process.wait(_SHUTDOWN_SECONDS)
    finally:
        process.kill()
        process.wait()
