"""sshd and firewall on a real host: what is open, what sshd speaks, and that no change can lock its owner out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.workflows import sandbox
from tests.support.ports import scan
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = pytest.mark.sandbox

PROMISED = {22, 80, 443}
"""What answers on a host that is a load balancer too."""

BACK = {"203.0.113.5", "203.0.113.6", "vpsdeploy"}
"""Words of what must be in force: a ban of fail2ban's, one of a person's, our table."""


@pytest.fixture(scope="module", name="project")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One host, app and load balancer, provisioned once."""
    with project_on_sandbox(tmp_path_factory.mktemp("guard"), "e2e-guard") as project:
        first = project.vpsdeploy("provision", "host")
        assert first.returncode == 0, first.stderr
        yield project


@pytest.fixture(autouse=True)
def _as_before(project: Project) -> Iterator[None]:
    """Each test finds the inventory as it was, and an sshd that holds no grudge against failed logins."""
    file = project.inventory
    text = file.read_text()
    yield
    file.write_text(text)
    project.on("web-1", "sh", "-c", "systemctl reset-failed ssh.service; systemctl restart ssh.service")


def say(project: Project, **variables: object) -> None:
    """Set variables in the inventory."""
    file = project.inventory
    first, _, rest = file.read_text().partition("\n")
    tree = yaml.safe_load(rest)
    tree["all"]["vars"].update(variables)
    file.write_text(f"{first}\n{yaml.safe_dump(tree, sort_keys=False)}")


def variables(project: Project) -> dict[str, Any]:
    """The inventory's variables, and the host's address."""
    tree = yaml.safe_load(project.inventory.read_text())["all"]
    return {**tree["vars"], **tree["hosts"]["web-1"]}


def login(project: Project, user: str, command: str = "true") -> subprocess.CompletedProcess[str]:
    """A fresh login over SSH."""
    found = variables(project)
    known = project.inventory.with_name("known_hosts")
    options = ("BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={known}", "ConnectTimeout=5")
    flags = [part for option in options for part in ("-o", option)]
    argv = ["ssh", "-F", "none", *flags, "-i", found["ansible_ssh_private_key_file"], "-l", user]
    return subprocess.run(
        [*argv, found["ansible_host"], command], capture_output=True, text=True, check=False, timeout=60
    )


def waiting(project: Project) -> list[str]:
    """The guards that wait for a confirmation on the host."""
    return project.on("web-1", "sh", "-c", "cd /var/lib/vpsdeploy/guard && ls -d */ || true").split()


def test_root_is_closed_once_others_have_proven_to_get_in(project: Project) -> None:
    """The first run came in as root; from then on only named users do, and only with a key."""
    assert "Permission denied (publickey)" in login(project, "root").stderr
    assert login(project, "admin", "sudo -n id -u").stdout == "0\n"
    assert login(project, "deploy", "sudo -n id -u").returncode != 0
    assert waiting(project) == []


def test_a_second_run_logs_in_as_the_administrator(project: Project) -> None:
    """The inventory still says root: both the audit and Ansible get through, and nothing has changed."""
    assert [host["audited"] for host in project.json("provision", "host")[-1]["hosts"]] == [True]
    (host,) = project.json("provision", "host", "--full")[-1]["hosts"]
    assert (host["changed"], host["failed"], host["unreachable"]) == (0, 0, 0)
    assert project.vpsdeploy("doctor").returncode in (0, 6)


def test_only_the_promised_ports_answer(project: Project) -> None:
    """Every TCP port is asked from outside; what is neither open nor refused is not there for anybody."""
    project.on(
        "web-1", "sh", "-c", "systemd-run -q --unit=leak python3 -m http.server --bind :: 4001; sleep 1"
    )
    try:
        answering = asyncio.run(scan(variables(project)["ansible_host"], PROMISED))
    finally:
        project.on("web-1", "systemctl", "stop", "leak.service")
    assert answering == PROMISED


def test_ssh_audit_finds_nothing(project: Project) -> None:
    """Its own rules, from outside: no fail, no warning but for the exchange that our client needs on Debian 12."""
    program = Path(sys.executable).with_name("ssh-audit")
    address = variables(project)["ansible_host"]
    done = subprocess.run([program, "-jj", address], capture_output=True, text=True, check=False, timeout=120)
    report = json.loads(done.stdout)
    (Path(os.environ.get("VPSDEPLOY_REPORTS", project.path)) / "ssh-audit.json").write_text(done.stdout)
    notes = {
        (kind, entry["algorithm"], said)
        for kind in ("kex", "key", "enc", "mac")
        for entry in report[kind]
        for level in ("fail", "warn")
        for said in entry["notes"].get(level, [])
    }
    classic = {note for note in notes if note[1].startswith("curve25519-sha256") and "quantum" in note[2]}
    assert notes - classic == set()
    assert not classic or "12" in project.on("web-1", "cat", "/etc/debian_version")
    assert report["cves"] == []


@pytest.mark.parametrize(
    ("role", "lockout", "why"),
    [
        ("ssh", {"ssh_sessions_max": 0}, "a fresh login as deploy failed"),
        ("firewall", {"firewall_ssh_from": ["192.0.2.0/24"]}, "a fresh login as admin failed"),
    ],
)
def test_a_change_that_would_lock_out_is_taken_back(
    project: Project, role: str, lockout: dict[str, object], why: str
) -> None:
    """The error says why, on which host, and that everything is as before; the next run finds nothing to mend."""
    say(project, **lockout)
    done = project.vpsdeploy("provision", "host")
    assert done.returncode == 7
    assert "error: provisioning failed on web-1 (e2e-guard)" in done.stderr
    assert why in done.stderr
    assert (
        "the host took the change back at once: everything of it is as before, and logins work" in done.stderr
    )
    assert "docs/runbooks/locked-out.md" in done.stderr
    assert login(project, "admin").returncode == 0
    assert waiting(project) == []
    for name in lockout:
        unsay(project, name)
    (host,) = project.json("provision", "host", "--full")[-1]["hosts"]
    assert [change["task"] for change in host["changes"]] == [], f"{role} was not as before"


def unsay(project: Project, name: str) -> None:
    """Take a variable out of the inventory again."""
    file = project.inventory
    first, _, rest = file.read_text().partition("\n")
    tree = yaml.safe_load(rest)
    del tree["all"]["vars"][name]
    file.write_text(f"{first}\n{yaml.safe_dump(tree, sort_keys=False)}")


def test_a_rehearsal_arms_nothing(project: Project) -> None:
    """--check shows the rule that would lock out, and leaves the host alone."""
    say(project, firewall_ssh_from=["192.0.2.0/24"])
    done = project.vpsdeploy("provision", "host", "--check", "--tags", "firewall")
    assert done.returncode == 0, done.stderr
    assert "192.0.2.0/24" in done.stdout
    assert waiting(project) == []
    assert login(project, "admin").returncode == 0


def test_the_host_takes_back_what_a_killed_controller_left(project: Project) -> None:
    """Nobody is there to confirm: nobody gets in for a few seconds, then everybody does again."""
    say(project, firewall_ssh_from=["192.0.2.0/24"], firewall_guard_seconds=30)
    left_by_a_killed_controller(project)
    assert login(project, "admin").returncode != 0
    until(lambda: waiting(project) == [])
    assert login(project, "admin").returncode == 0
    assert "nobody confirmed it within 30 s" in project.on(
        "web-1", "cat", "/var/lib/vpsdeploy/guard/taken-back.log"
    )
    assert project.on("web-1", "systemctl", "list-units", "--failed", "--no-legend", "--plain") == ""


def test_a_restart_takes_it_back_too(project: Project) -> None:
    """A timer does not outlive the host: what was not confirmed is gone before the network is up."""
    say(project, firewall_ssh_from=["192.0.2.0/24"], firewall_guard_seconds=3600)
    left_by_a_killed_controller(project)
    sandbox.power_off(project.name, "web-1", hard=True)
    sandbox.power_on(project.name, "web-1")
    assert waiting(project) == []
    until(lambda: login(project, "admin").returncode == 0)
    assert "the host was restarted" in project.on("web-1", "cat", "/var/lib/vpsdeploy/guard/taken-back.log")


def test_rules_that_nft_refuses_at_boot_leave_the_host_closed_and_its_owner_in(project: Project) -> None:
    """With those of the last time in force, and the unit failed; the next run mends the file."""
    address = variables(project)["ansible_host"]
    project.on("web-1", "sh", "-c", "echo 'no such thing' >> /etc/vpsdeploy/firewall.nft; sync")
    sandbox.power_off(project.name, "web-1", hard=True)
    sandbox.power_on(project.name, "web-1")
    until(lambda: login(project, "admin").returncode == 0)
    assert not answers(address, 4001)
    assert answers(address, 443)
    assert "vpsdeploy-firewall.service" in project.on(
        "web-1", "systemctl", "list-units", "--failed", "--plain"
    )
    (host,) = project.json("provision", "host")[-1]["hosts"]
    assert host["changed"] >= 1
    assert project.on("web-1", "systemctl", "list-units", "--failed", "--no-legend", "--plain") == ""


def test_debian_s_own_firewall_unit_takes_nothing_away(project: Project) -> None:
    """It empties the whole firewall whenever it starts or stops: our rules come back, and bans of both kinds."""
    project.on("web-1", "fail2ban-client", "set", "sshd", "banip", "203.0.113.5")
    project.json("bans", "add", "203.0.113.6")
    for action in ("start", "reload", "stop"):
        project.on("web-1", "systemctl", action, "nftables.service")
        until(lambda: set(project.on("web-1", "nft", "list", "ruleset").split()) >= BACK)
    project.json("bans", "lift", "203.0.113.6")
    project.on("web-1", "fail2ban-client", "unban", "203.0.113.5")


def test_a_wrong_network_is_refused_before_any_connection(project: Project) -> None:
    """File, key, value, and what may be there."""
    say(project, firewall_allow=[{"port": 5432, "from": ["10.0.0.0/33"]}])
    done = project.vpsdeploy("provision", "host")
    assert done.returncode == 3
    assert 'firewall_allow[0].from[0]: "10.0.0.0/33" is not allowed' in done.stderr


@pytest.mark.full
def test_an_owner_s_rule_opens_a_port(project: Project) -> None:
    """Proven and confirmed like any other change; gone again with the next run."""
    address = variables(project)["ansible_host"]
    say(project, firewall_allow=[{"port": 9099}])
    assert project.json("provision", "host")[-1]["hosts"][0]["changed"] == 1
    assert answers(address, 9099)
    assert waiting(project) == []
    unsay(project, "firewall_allow")
    assert project.json("provision", "host")[-1]["hosts"][0]["changed"] == 1
    assert not answers(address, 9099)


def answers(address: str, port: int) -> bool:
    """Whether a port is there at all: nothing listens, so the host says no, or nothing."""
    with closing(socket.socket()) as attempt:
        attempt.settimeout(2)
        try:
            return attempt.connect_ex((address, port)) == 111
        except TimeoutError:
            return False


def left_by_a_killed_controller(project: Project) -> None:
    """Provision until the firewall's guard is armed, then kill the controller and all that it started."""
    process = subprocess.Popen(
        [VPSDEPLOY, "provision", "host"],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: waiting(project) == ["firewall/"])
    finally:  # also where it never comes to that: the next tests are not to meet it
        for pid in [process.pid, *descendants(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=TIMEOUT_SECONDS)
    until(lambda: "192.0.2.0/24" in project.on("web-1", "nft", "list", "table", "inet", "vpsdeploy"))
    assert waiting(project) == ["firewall/"]


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, in whatever session."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found
