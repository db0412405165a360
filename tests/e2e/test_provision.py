"""Bare sandbox hosts are provisioned for real; each wrong input has its own error and changes nothing."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.workflows import sandbox
from tests.support.damages import DAMAGES
from tests.support.vps import VPSDEPLOY, Project, project_on_sandbox

pytestmark = pytest.mark.sandbox

MOST_MODULE_CALLS = 24


@pytest.fixture(scope="module", name="project")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two hosts, provisioned once."""
    path = tmp_path_factory.mktemp("provision")
    with project_on_sandbox(path, "e2e-provision", hosts=2) as project:
        project.edit_inventory(
            "    ansible_user: root", "    vpsdeploy_login_users: [ann, joe]\n    ansible_user: root"
        )
        for host in ("web-1", "web-2"):
            fail_to_log_in(project, host)
        first = project.vpsdeploy("provision", "host")
        assert first.returncode == 0, first.stderr
        yield project


@pytest.fixture(autouse=True)
def _forgiven(project: Project) -> None:
    """sshd turns an address away after several failed logins, as it should; here they come within seconds."""
    for host in ("web-1", "web-2"):
        forgive(project, host)


def forgive(project: Project, host: str) -> None:
    """Have sshd forget who failed to log in."""
    # Without the first, systemd counts the restarts of quick tests and refuses the sixth.
    project.on(host, "sh", "-c", "systemctl reset-failed ssh.service; systemctl restart ssh.service")


def fail_to_log_in(project: Project, host: str) -> None:
    """More often than fail2ban allows: each command tries users that a bare host does not have yet."""
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
    words = [word for option in options for word in ("-o", option)]
    address = next(one.address for one in sandbox.status(project.name).hosts if one.name == host)
    for _ in range(3):
        for user in ("admin", "deploy"):
            done = subprocess.run(
                ["ssh", *words, f"{user}@{address}", "true"], capture_output=True, check=False
            )
            assert done.returncode == 255
        forgive(project, host)


def test_who_failed_to_log_in_before_is_not_banned_by_the_first_run(project: Project) -> None:
    """fail2ban reads the journal from before its own start; by then the host knows who provisions it."""
    failed = project.on("web-1", "sh", "-c", "journalctl --unit ssh | grep -c 'Invalid user'")
    assert int(failed) >= 6
    assert project.on("web-1", "fail2ban-client", "get", "sshd", "banip").strip() == ""


def test_a_second_run_needs_no_ansible(project: Project) -> None:
    """Each host says itself that it is as it was provisioned."""
    result = project.json("provision", "host")[-1]
    assert [(h["audited"], h["module_calls"], h["changed"]) for h in result["hosts"]] == [(True, 0, 0)] * 2


@pytest.mark.parametrize(("tasks", "damages"), DAMAGES.items(), ids=["files", "programs"])
def test_what_was_changed_on_a_host_is_told_and_put_right(
    project: Project, tasks: int, damages: dict[str, str]
) -> None:
    """Ansible is run on that host and on no other; after it the audit is clean again."""
    project.on("web-1", "sh", "-ec", "\n".join(damages))
    lines = project.json("provision", "host")
    (told,) = [
        text
        for line in lines
        if "web-1: changed since it was provisioned: " in (text := line.get("text", ""))
    ]
    assert [one for one in damages.values() if one not in told] == []
    assert [(h["audited"], h["changed"]) for h in lines[-1]["hosts"]] == [(False, tasks), (True, 0)]
    assert all(host["audited"] for host in project.json("provision", "host")[-1]["hosts"])


def test_a_second_full_run_changes_nothing_in_few_module_calls(project: Project) -> None:
    """0 changed, and at most 24 module calls for each host."""
    result = project.json("provision", "host", "--full")[-1]
    assert [change for host in result["hosts"] for change in host["changes"]] == []
    assert [(h["changed"], h["failed"], h["unreachable"]) for h in result["hosts"]] == [(0, 0, 0)] * 2
    assert all(0 < host["module_calls"] <= MOST_MODULE_CALLS for host in result["hosts"])


def test_the_nightly_look_tells_what_is_not_whole(project: Project) -> None:
    """A changed program, one that nobody knows and runs as root, a file of ours: the unit fails, doctor says which."""
    unit = "vpsdeploy-integrity.service"
    project.on("web-1", "systemctl", "start", unit)
    assert "its files are whole (looked at 20" in project.vpsdeploy("doctor").stdout
    project.on(
        "web-1", "sh", "-c",
        "cp -a /usr/bin/less /root/less && echo >> /usr/bin/less && install -m 4755 /usr/bin/id /usr/local/bin/id && "
        f"chmod 0666 /etc/nginx/nginx.conf && systemctl start {unit} 2>/dev/null; systemctl is-failed {unit}",
    )  # fmt: skip
    told = project.vpsdeploy("doctor").stdout
    project.on(
        "web-1", "sh", "-c",
        "mv /root/less /usr/bin/ && rm /usr/local/bin/id && chmod 0644 /etc/nginx/nginx.conf && "
        f"systemctl start {unit}",
    )  # fmt: skip
    for finding in (
        "/usr/bin/less is not what its package brought",
        "/usr/local/bin/id runs as its owner or group, and is of no package",
        "not as provisioned: /etc/nginx/nginx.conf",
    ):
        assert finding in told
    assert "not whole" not in project.vpsdeploy("doctor").stdout


def test_a_rehearsal_shows_the_difference_and_changes_nothing(project: Project) -> None:
    """--check after an edit on the host: the diff is shown, the edit stays, a real run puts it right."""
    path = "/etc/systemd/journald.conf.d/50-vpsdeploy.conf"
    before = project.on("web-2", "cat", path)
    project.on("web-2", "sed", "-i", "s/^SystemMaxUse=.*/SystemMaxUse=7M/", path)
    rehearsal = project.vpsdeploy("provision", "host", "web-2", "--check", "--tags", "base")
    assert rehearsal.returncode == 0, rehearsal.stderr
    assert "-SystemMaxUse=7M" in rehearsal.stdout
    assert rehearsal.stdout.endswith("nothing was changed: 1 task would change something\n")
    assert "SystemMaxUse=7M" in project.on("web-2", "cat", path)
    assert project.json("provision", "host", "web-2", "--tags", "base")[-1]["hosts"][0]["changed"] == 1
    assert project.on("web-2", "cat", path) == before


def test_an_unknown_host_key_is_accepted_only_with_its_fingerprint(project: Project, tmp_path: Path) -> None:
    """The error shows the presented key and the command; another fingerprint is refused, the right one learned."""
    other = project.twin(tmp_path)
    known = other.inventory.with_name("known_hosts")
    known.write_text("")
    refused = other.vpsdeploy("provision", "host", "web-1")
    assert refused.returncode == 5
    assert "error: unknown host key on web-1" in refused.stderr
    (command,) = re.findall(
        r"vpsdeploy (provision host web-1 --accept-host-key SHA256:\S+ --stage \S+)", refused.stderr
    )
    wrong = other.vpsdeploy("provision", "host", "web-1", "--accept-host-key", "SHA256:" + "A" * 43)
    assert wrong.returncode == 5
    assert known.read_text() == ""
    accepted = other.vpsdeploy(*command.split(), "--check")
    assert accepted.returncode == 0, accepted.stderr
    assert len(known.read_text().splitlines()) == 1


def test_a_changed_host_key_is_never_accepted(project: Project, tmp_path: Path) -> None:
    """Not even with the presented fingerprint; the message says how to remove the old key."""
    other = project.twin(tmp_path)
    known = other.inventory.with_name("known_hosts")
    keys = known.read_text()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    known.write_text("".join(f"{line.split()[0]} {public}\n" for line in keys.splitlines()))
    refused = other.vpsdeploy("provision", "host", "web-1")
    assert refused.returncode == 5
    assert "error: the host key has changed on web-1" in refused.stderr
    assert f"-f {known}" in refused.stderr
    (presented,) = re.findall(r"presents \S+ (SHA256:[^\s,]+)", refused.stderr)
    again = other.vpsdeploy("provision", "host", "web-1", "--accept-host-key", presented)
    assert again.returncode == 5
    assert "has changed" in again.stderr


def test_a_wrong_key_is_told(project: Project, tmp_path: Path) -> None:
    """A key that the host does not know: exit code 5, the key's name, what to type."""
    other = project.twin(tmp_path)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger"], check=True)
    file = other.inventory
    file.write_text(
        re.sub(
            r"ansible_ssh_private_key_file: .*",
            f"ansible_ssh_private_key_file: {tmp_path}/stranger",
            file.read_text(),
        )
    )
    refused = other.vpsdeploy("provision", "host")
    assert refused.returncode == 5
    assert (
        "web-1 (e2e-provision): the login was refused\nweb-2 (e2e-provision): the login was refused"
        in refused.stderr
    )
    assert f"{tmp_path}/stranger" in refused.stderr


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("ann ALL=(ALL) ALL", "sudo needs a password"),
        ("ann ALL=(root) NOPASSWD: /usr/bin/id", "sudo needs a password"),
    ],
)
def test_sudo_that_refuses_is_told(project: Project, tmp_path: Path, rule: str, what: str) -> None:
    """A login that may not become root is found before anything is started."""
    setup = (
        "id ann >/dev/null 2>&1 || useradd -m -s /bin/bash ann; install -d -o ann -m 0700 /home/ann/.ssh; "
        "install -o ann -m 0600 /root/.ssh/authorized_keys /home/ann/.ssh/authorized_keys; "
        f"echo '{rule}' > /etc/sudoers.d/ann"
    )
    project.on("web-1", "sh", "-c", setup)
    other = project.twin(tmp_path)
    other.edit_inventory("ansible_user: root", "ansible_user: ann")
    refused = other.vpsdeploy("provision", "host", "web-1")
    assert refused.returncode == 5, refused.stderr
    assert f"error: {what} on web-1" in refused.stderr


@pytest.mark.full
def test_a_sudoer_can_provision(project: Project, tmp_path: Path) -> None:
    """Not only root: a login with sudo and without a password for it will do."""
    setup = (
        "id joe >/dev/null 2>&1 || useradd -m -s /bin/bash joe; install -d -o joe -m 0700 /home/joe/.ssh; "
        "install -o joe -m 0600 /root/.ssh/authorized_keys /home/joe/.ssh/authorized_keys; "
        "echo 'joe ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/joe"
    )
    project.on("web-2", "sh", "-c", setup)
    other = project.twin(tmp_path)
    other.edit_inventory("ansible_user: root", "ansible_user: joe")
    done = other.vpsdeploy("provision", "host", "web-2")
    assert done.returncode == 0, done.stderr
    assert "nothing had to be changed" in done.stdout


def test_an_unreachable_host_stops_nobody_who_is_named(project: Project, tmp_path: Path) -> None:
    """With a host that is down nothing is started; naming the others goes on without it."""
    other = project.twin(tmp_path)
    other.edit_inventory("    web-2:\n", "    web-2:\n      ansible_port: 2\n")
    refused = other.vpsdeploy("provision", "host")
    assert refused.returncode == 5
    assert "error: no SSH connection on web-2" in refused.stderr
    assert "timed out" in refused.stderr  # the firewall says nothing at all
    assert other.vpsdeploy("provision", "host", "web-1", "--check").returncode == 0


def test_two_apps_on_one_port_are_refused_and_the_other_host_goes_on(
    project: Project, tmp_path: Path
) -> None:
    """The host that has the port taken fails before it is changed: exit code 7, both hosts in the table."""
    project.on(
        "web-2", "sh", "-c", 'printf \'%s\' \'{"app": "blog", "port": 4100}\' > /etc/vpsdeploy/apps/blog.json'
    )
    try:
        refused = project.vpsdeploy("provision", "host")
    finally:
        project.on("web-2", "rm", "/etc/vpsdeploy/apps/blog.json")
    assert refused.returncode == 7
    assert re.search(r"^web-1 +\d+ +0 +0 +0 ", refused.stdout, re.MULTILINE), refused.stdout
    assert re.search(r"^web-2 +\d+ +0 +1 +0 ", refused.stdout, re.MULTILINE), refused.stdout
    assert "error: provisioning failed on web-2" in refused.stderr
    assert "blog" in refused.stderr


def test_an_interrupt_ends_ansible_and_running_again_is_safe(project: Project) -> None:
    """Ctrl-C in the middle: exit code 130, no process and no private file left, the next run is good."""
    with subprocess.Popen(
        [VPSDEPLOY, "provision", "host", "--full", "--json"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        next(line for line in running.stdout if '"kind":"task"' in line)
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
        assert running.wait(timeout=30) == 130
    assert '"kind":"Interrupted"' in rest.splitlines()[-1]
    pattern = f"ansible_child playbook.*{project.path}"
    assert subprocess.run(["pgrep", "-f", pattern], check=False, capture_output=True).returncode == 1
    assert project.vpsdeploy("provision", "host").returncode == 0


@pytest.mark.full
def test_a_package_installation_that_runs_is_waited_for(project: Project) -> None:
    """dpkg's lock held by somebody else for a while delays the run and does not fail it."""
    project.on("web-1", "apt-get", "remove", "-y", "less")
    hold = (
        "import fcntl, time; lock = open('/var/lib/dpkg/lock-frontend', 'w'); "
        "fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(15)"
    )
    project.on("web-1", "systemd-run", "--unit=hold-dpkg", "--collect", "/usr/bin/python3", "-c", hold)
    done = project.vpsdeploy("provision", "host", "web-1")
    assert done.returncode == 0, done.stderr
    assert "install ok installed" in project.on("web-1", "dpkg", "-s", "less")
