"""One host: its container's arguments, its boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SandboxError
from orchestrator.sandbox.hosts import BOOT_LIMIT_SECONDS, SandboxHost, network_arguments, run_arguments
from orchestrator.sandbox.podman import LABEL, Podman
from orchestrator.sandbox.record import HostRecord
from orchestrator.sandbox.state import StateDir
from tests.unit.sandbox.fake import FakeRunner

HOST = HostRecord("web-1", "10.200.1.101", "image:1", {"/srv": "64m"})


class Clock:
    """Time that passes by waiting only."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.now += seconds


def host(runner: FakeRunner, *, greets: bool = True) -> tuple[SandboxHost, Clock]:
    """The host on a fake machine, and its clock."""
    clock = Clock()
    podman = Podman(runner, StateDir(Path("/root"), Path("/run/x")))
    return SandboxHost(podman, "try", HOST, clock, clock.sleep, lambda _: greets), clock


def test_run_arguments() -> None:
    """Name, labels, address, systemd, the limits that work without CAP_SYS_RESOURCE, the small file system."""
    assert run_arguments("try", HOST, "vpsdeploy-try-1a2b3c4d") == (
        *("run", "--detach", "--replace", "--name", "try.web-1", "--hostname", "web-1"),
        *("--label", f"{LABEL}=try", "--label", f"{LABEL}.host=web-1"),
        *("--network", "vpsdeploy-try-1a2b3c4d", "--ip", "10.200.1.101"),
        *(
            "--http-proxy=false",
            "--no-hosts",
            "--pull=never",
            "--systemd=always",
            "--privileged",
            "--pids-limit=-1",
        ),
        *("--ulimit", "nofile=10000:10000", "--ulimit", "nproc=20000:20000"),
        *("--tmpfs", "/srv:rw,exec,mode=0755,size=64m", "image:1", "/usr/lib/vpsdeploy-sandbox/init"),
    )


@pytest.mark.parametrize(
    ("resolv_conf", "disabled"),
    [("nameserver 10.0.0.2\n", True), ("nameserver 127.0.0.53\n", False), ("search x\n", False)],
)
def test_podmans_name_server_is_used_where_the_machines_is_local(resolv_conf: str, disabled: bool) -> None:
    """A name server on the machine's loopback is out of a host's reach; any other is used directly."""
    assert ("--disable-dns" in network_arguments("try", "net", "10.200.1.0/24", resolv_conf)) is disabled


def test_a_host_has_booted_when_systemd_and_sshd_say_so() -> None:
    """systemd's "running" ends the wait at once."""
    one, clock = host(FakeRunner({"is-system-running": "running\n"}))
    one.wait_until_booted(fresh=True)
    assert clock.now == 0


def test_a_failed_unit_is_named() -> None:
    """A fresh host that is degraded is an error with the unit's name; a used one is its owner's business."""
    answers: dict[str, str | tuple[int, str]] = {
        "is-system-running": (1, "degraded\n"),
        "list-units --failed": "x.service loaded failed failed X\n",
    }
    with pytest.raises(SandboxError) as caught:
        host(FakeRunner(answers))[0].wait_until_booted(fresh=True)
    assert caught.value.why == "failed: x.service"
    host(FakeRunner(answers))[0].wait_until_booted(fresh=False)


def test_a_boot_has_a_limit() -> None:
    """A host that never gets there, and one whose sshd never answers, end in an error with the last state seen."""
    for answer, greets in (("starting", True), ("running", False)):
        one, clock = host(FakeRunner({"is-system-running": answer}), greets=greets)
        with pytest.raises(SandboxError) as caught:
            one.wait_until_booted(fresh=True)
        assert answer in caught.value.why
        assert BOOT_LIMIT_SECONDS <= clock.now < BOOT_LIMIT_SECONDS + 1


def test_the_host_keys_come_through_podman() -> None:
    """The login key is installed and the host keys are read in one call that does not use the network."""
    runner = FakeRunner({"exec": "ssh-rsa B root@web-1\nssh-ed25519 A root@web-1\n"})
    keys = host(runner)[0].admit("ssh-ed25519 KEY us")
    assert keys == ("ssh-ed25519 A root@web-1", "ssh-rsa B root@web-1")
    assert runner.calls[0][:3] == ("podman", "exec", "try.web-1")
    assert runner.calls[0][-1] == "ssh-ed25519 KEY us"


def test_two_storages_have_no_network_of_one_name() -> None:
    """podman's rules for packets go by the name: the hosts of one would be hidden behind their bridge."""
    one, other = (
        Podman(FakeRunner(), StateDir(Path(root), Path("/run/x"))).network("try") for root in ("/a", "/b")
    )
    assert one != other
    assert one.startswith("vpsdeploy-try-")


def test_a_host_goes_into_the_network_that_there_is() -> None:
    """Also where an older vpsdeploy named it."""
    runner = FakeRunner({"network ls": "vpsdeploy-try\n"})
    SandboxHost(Podman(runner, StateDir(Path("/a"), Path("/run/x"))), "try", HOST).create()
    assert any("--network vpsdeploy-try " in " ".join(command) for command in runner.calls)
