"""Kernel settings: brought into force where the host has a say in them, told where it has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.vpsdeploy import kernel
from ansible.module_utils.vpsdeploy.host import Host


@pytest.fixture(name="proc")
def _proc(tmp_path: Path) -> Path:
    """What a kernel shows below /proc/sys."""
    root = tmp_path / "sys"
    for name, value in {
        "fs/suid_dumpable": "2", "net/ipv4/conf/all/rp_filter": "2", "net/ipv4/conf/eth0/rp_filter": "1",
        "net/ipv4/conf/lo/rp_filter": "0", "net/ipv4/ip_local_port_range": "32768\t60999",
    }.items():  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{value}\n")
    return root


def apply(proc: Path, settings: dict[str, str], *, check: bool = False, container: bool = False) -> Host:
    """Apply on a machine, or in a container."""
    host = Host(check, keep_diffs=True)
    kernel.apply(host, settings, proc, container=proc if container else proc / "none")
    return host


def test_what_differs_is_set_and_what_is_right_is_left_alone(proc: Path) -> None:
    """A star stands for every interface that is there; the second run finds nothing to do."""
    settings = {"net.ipv4.conf.*.rp_filter": "1", "fs.suid_dumpable": "0"}
    host = apply(proc, settings)
    assert host.changes == [
        "fs.suid_dumpable = 0", "net.ipv4.conf.all.rp_filter = 1", "net.ipv4.conf.lo.rp_filter = 1",
    ]  # fmt: skip
    assert (proc / "fs/suid_dumpable").read_text() == "0\n"
    assert (host.diffs[1]["before"], host.diffs[1]["after"]) == ("2\n", "1\n")
    assert apply(proc, settings).changes == []


def test_forwarding_comes_first(proc: Path) -> None:
    """Where it changes, the kernel sets redirects anew: what was set before would be undone."""
    (proc / "net/ipv4/conf/all/forwarding").write_text("1\n")
    host = apply(proc, {"net.ipv4.conf.*.rp_filter": "1", "net.ipv4.conf.all.forwarding": "0"})
    assert host.changes[0] == "net.ipv4.conf.all.forwarding = 0"


def test_the_kernel_s_own_spacing_is_no_difference(proc: Path) -> None:
    """It shows tabs between numbers, people write spaces."""
    assert apply(proc, {"net.ipv4.ip_local_port_range": "32768  60999"}).changes == []


def test_a_rehearsal_sets_nothing(proc: Path) -> None:
    """It tells the change."""
    assert apply(proc, {"fs.suid_dumpable": "0"}, check=True).changes == ["fs.suid_dumpable = 0"]
    assert (proc / "fs/suid_dumpable").read_text() == "2\n"


def test_a_setting_that_this_kernel_does_not_know_is_passed_over(proc: Path) -> None:
    """A kernel without IPv6, or without Yama."""
    host = apply(proc, {"net.ipv6.conf.*.accept_redirects": "0", "kernel.yama.ptrace_scope": "1"})
    assert (host.changes, host.withheld) == ([], [])


@pytest.mark.parametrize("check", [False, True])
def test_a_container_never_sets_its_machine_s_kernel(proc: Path, check: bool) -> None:
    """Not even where it could: what is not the network's is told, and is no change and no failure."""
    settings = {"fs.suid_dumpable": "0", "net.ipv4.conf.lo.rp_filter": "1"}
    host = apply(proc, settings, check=check, container=True)
    assert (host.changes, host.withheld) == (["net.ipv4.conf.lo.rp_filter = 1"], ["fs.suid_dumpable"])
    assert (proc / "fs/suid_dumpable").read_text() == "2\n"


def test_what_the_kernel_refuses_is_told(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some settings go one way only until the next boot."""

    def refuse(*_: object) -> int:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "write_text", refuse)
    host = apply(proc, {"fs.suid_dumpable": "0"})
    assert (host.changes, host.withheld) == ([], ["fs.suid_dumpable"])


def test_what_is_right_by_itself_is_not_withheld(proc: Path) -> None:
    """A container whose machine has the value already has it too."""
    assert apply(proc, {"fs.suid_dumpable": "2"}, container=True).withheld == []
