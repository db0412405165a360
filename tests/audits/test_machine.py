"""The host as a machine with a kernel of its own: what a container cannot have is in force after a reboot."""

from __future__ import annotations

import fnmatch
import shutil
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.audits import lynis
from tests.audits.conftest import AUDITED, OUTSIDE, SHOP, Audited
from tests.support import roles, virtual
from tests.support.vps import DEBIAN

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.audit,
    pytest.mark.skipif(
        DEBIAN != 13, reason="seen on Debian 13 only: lynis' list for a machine with 12 is not known"
    ),
]

SETTINGS, RULES = "etc/sysctl.d/99-vpsdeploy.conf.j2", "/etc/audit/rules.d/50-vpsdeploy.rules"
MOUNTS = ("/tmp", "/dev/shm")  # noqa: S108 - where they are looked at, not written to
MOUNT_OPTIONS = {"nodev", "nosuid", "noexec"}
AIM = 85
_LYNIS_SECONDS = 7200
MODULES = ("sctp", "dccp", "rds", "tipc", "udf", "hfs", "usb-storage")


@pytest.fixture(scope="module", name="machine")
def _machine(audited: Audited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[virtual.Machine]:
    """Provisioned once more, as what a container cannot have is withheld until then, and restarted."""
    place = tmp_path_factory.mktemp("machine")
    twin, machine = virtual.twin(audited.project, AUDITED, OUTSIDE, place, 443)
    with virtual.running(machine):
        twin.json("provision", "host", "--full")
        # A provider's image has its boot loader's settings there.
        machine.on("update-grub")
        machine.reboot()
        yield machine
    shutil.rmtree(place)


def test_nothing_failed_since_it_booted(machine: virtual.Machine) -> None:
    """Every unit, ours and Debian's."""
    assert machine.on("systemctl --failed --no-legend --plain") == ""
    assert machine.on("systemctl is-system-running --wait").strip() == "running"


def test_every_setting_of_the_kernel_is_in_force(machine: virtual.Machine) -> None:
    """Of every network interface too, also of one that came after the settings."""
    text = machine.on("cd /proc/sys && grep -rsH . dev fs kernel net || true")
    found = dict(line.split(":", 1) for line in text.splitlines())
    wanted = [
        line.split(" = ")
        for line in roles.render("kernel", SETTINGS).splitlines()
        if line and not line.startswith("#")
    ]
    assert wanted
    for name, value in wanted:
        matched = fnmatch.filter(found, name.lstrip("-").replace(".", "/"))
        assert {one: found[one] for one in matched} == dict.fromkeys(matched, value)
        assert matched, name


def test_every_rule_of_auditd_is_loaded(machine: virtual.Machine) -> None:
    """As many as the file has, by auditd's own start at boot."""
    asked = machine.on(f"grep -cE '^-[aw] ' {RULES}")
    assert machine.on("auditctl -l | wc -l") == asked
    assert int(asked)
    assert machine.on("systemctl is-active auditd.service vpsdeploy-audit.service").split() == ["active"] * 2


def test_blocked_modules_do_not_come(machine: virtual.Machine) -> None:
    """Not on demand either, though the kernel has them."""
    there = machine.on(f"modinfo -F filename {' '.join(MODULES)} 2>/dev/null || true")
    assert "sctp.ko" in there
    for name in MODULES:
        assert machine.tried(f"modprobe {name}").returncode != 0, name
    loaded = {line.split()[0] for line in machine.on("cat /proc/modules").splitlines()}
    assert not loaded & {name.replace("-", "_") for name in MODULES}


def test_no_program_runs_from_where_everybody_writes(machine: virtual.Machine) -> None:
    """Nor does a device file or a setuid bit count there."""
    for path in MOUNTS:
        assert set(machine.on(f"findmnt -no OPTIONS {path} | tail -1").strip().split(",")) >= MOUNT_OPTIONS, (
            path
        )


def test_the_firewall_is_there(machine: virtual.Machine) -> None:
    """What is not let in is dropped."""
    assert "policy drop" in machine.on("nft list table inet vpsdeploy")


def test_backups_make_way_at_once_until_they_hurry(machine: virtual.Machine) -> None:
    """The slice's class is the kernel's business, and a container has none of it (agent/backup/giving_way.py)."""
    shown = "/sys/fs/cgroup/vpsdeploy.slice/cpu.idle /sys/fs/cgroup/vpsdeploy.slice/cpu.weight"
    asked = f"systemd-run --quiet --wait --pipe --slice=vpsdeploy.slice cat {shown}"
    weigh = "systemctl set-property --runtime vpsdeploy.slice CPUWeight"
    assert machine.on(asked).split()[0] == "1"
    assert machine.on(f"{weigh}=10; {asked}").split() == ["0", "10"]
    assert machine.on(f"{weigh}=idle; {asked}").split()[0] == "1"


def test_the_app_answers_by_https(audited: Audited, machine: virtual.Machine) -> None:
    """From outside, with the certificate that it was given as a container."""
    context = ssl.create_default_context(cadata=audited.authority.root())
    connection = socket.create_connection((virtual.HERE, machine.ports[443]), 30)
    with context.wrap_socket(connection, server_hostname=SHOP) as secure:
        secure.sendall(f"GET / HTTP/1.1\r\nHost: {SHOP}\r\nConnection: close\r\n\r\n".encode())
        assert secure.recv(12) == b"HTTP/1.1 200"


def test_nothing_is_changed(machine: virtual.Machine) -> None:
    """The nightly look finds every file as packages and provisioning have left it."""
    machine.on("systemctl start vpsdeploy-integrity.service")


@pytest.fixture(scope="module", name="report")
def _report(audited: Audited, machine: virtual.Machine) -> str:
    """What lynis says of it."""
    machine.on(f"apt-get update -q && apt-get install -qy --no-install-recommends {lynis.PACKAGE}")
    machine.tried(lynis.JUDGE, timeout_seconds=_LYNIS_SECONDS)
    report = machine.on(f"cat {lynis.REPORT}")
    audited.keep("lynis-machine.dat", report)
    audited.keep("lynis-machine.log", machine.on(f"cat {lynis.LOG}"))
    audited.figure("lynis, as a machine", {**lynis.figures(report), "run by": virtual.accelerator()[1]})
    return report


def test_lynis_warns_of_nothing_and_suggests_nothing_but_what_stays(report: str) -> None:
    """The container's list without what is the container's, and what only a machine gets."""
    assert lynis.warnings(report) == []
    assert {name for name, _ in lynis.suggestions(report)} == lynis.stays(DEBIAN, container=False)


def test_lynis_gives_85_of_100(report: str) -> None:
    """The aim."""
    assert lynis.index(report) >= AIM
