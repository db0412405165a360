"""OpenSCAP with the SCAP Security Guide's own profiles for a Debian server."""

from __future__ import annotations

import re

import pytest

from tests.audits import findings
from tests.audits.conftest import Audited
from tests.support.vps import DEBIAN

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

LEAST = 85.0
PROFILES = "xccdf_org.ssgproject.content_profile_"
RULE = re.compile(r"^Rule\s+(\S+)\n(?:(?!Rule).*\n)*?Result\s+(\w+)", re.MULTILINE)
SSHD = (
    "it reads /etc/ssh/sshd_config only; ours is in sshd_config.d, and by `sshd -T` the setting is in force"
)
STAYS = {
    "ensure_logrotate_activated": "it wants all logs rotated daily; Debian rotates small ones weekly, nginx's daily",
    "package_audit_installed": "container: the kernel's records are its machine's; a VPS has auditd",
    "package_ntp_installed": "systemd-timesyncd keeps the clock, and is a client only: nothing listens",
    "package_rsyslog_installed": "the journal is kept on the disk, with limits; a second copy of it serves nobody",
    "service_rsyslog_enabled": "the same",
    "sshd_disable_empty_passwords": SSHD,
    "sshd_disable_root_login": SSHD,
    "sshd_set_idle_timeout": SSHD,
    "sshd_set_keepalive": SSHD,
    "sysctl_fs_protected_symlinks": "container: its machine's setting; a VPS has it",
}
"""Rules of the standard profile that fail where the host is judged as a machine, each with its reason."""

IN_FORCE = {
    "permitemptypasswords no", "ignorerhosts yes", "permitrootlogin no", "permituserenvironment no",
    "hostbasedauthentication no", "clientaliveinterval 300", "clientalivecountmax 2",
    "logingracetime 30", "loglevel VERBOSE", "maxauthtries 3", "maxsessions 10",
}  # fmt: skip
"""What sshd has in force of the rules that do not find it."""

MACHINES = {"sysctl_fs_protected_symlinks", "sysctl_fs_protected_hardlinks", "sysctl_fs_suid_dumpable"}
"""Of the machine that runs the sandbox: they pass or fail as it is set."""


def judge(audited: Audited, profile: str, name: str) -> tuple[float, dict[str, str]]:
    """Its own score, and each rule's result."""
    place, version = audited.fetch(
        "sid", "ssg-debian"
    )  # data; Debian's own releases judge their predecessors only
    content = f"{place}/usr/share/xml/scap/ssg/content/ssg-debian{DEBIAN}-ds.xml"
    shown = audited.on(
        "sh", "-c",
        f"cd /root && oscap xccdf eval --profile {PROFILES}{profile} --results r.xml --report r.html {content}; true",
    )  # fmt: skip
    audited.keep(f"openscap-{name}.txt", shown)
    audited.keep(f"openscap-{name}.html", audited.on("cat", "/root/r.html"))
    score = float(re.findall(r"<score[^>]*>([\d.]+)</score>", audited.on("cat", "/root/r.xml"))[0])
    rules = {rule.rpartition("rule_")[2]: result for rule, result in RULE.findall(shown.replace("\r", ""))}
    results = list(rules.values())
    passed, failed = (
        results.count("pass"),
        sorted(name for name, result in rules.items() if result in ("fail", "error")),
    )
    figures = {
        "score": round(score, 1),
        "pass": passed,
        "fail": len(failed),
        "failed": failed,
        "content": version,
    }
    audited.figure(f"openscap {name}", figures)
    assert passed, shown
    return score, rules


@pytest.fixture(scope="module", name="scanner")
def _scanner(audited: Audited) -> Audited:
    """The host with the scanner."""
    audited.install("openscap-scanner")
    return audited


def test_the_standard_profile_holds_for_85_percent(scanner: Audited) -> None:
    """By its own score, of what it asks of a container."""
    score, rules = judge(scanner, "standard", "standard")
    assert score >= LEAST
    assert "fail" not in rules.values()


def test_judged_as_a_machine_nothing_fails_but_what_stays(scanner: Audited) -> None:
    """With `linux-base` it takes the host for one with a kernel of its own and asks a rule in three more."""
    scanner.install("linux-base")
    _, rules = judge(scanner, "standard", "standard-as-a-machine")
    failed = {name for name, result in rules.items() if result in ("fail", "error")}
    assert failed - MACHINES == STAYS.keys() - MACHINES
    assert failed & MACHINES <= STAYS.keys()


def test_of_a_stricter_profile_nothing_fails_but_what_docs_audits_md_has(scanner: Audited) -> None:
    """CIS level 1, judged as a machine: each finding with its reason; what passes is taken off the page."""
    _, rules = judge(scanner, "cis_level1_server", "cis-level1-as-a-machine")
    failed = {name for name, result in rules.items() if result in ("fail", "error")}
    listed = findings.listed(DEBIAN)
    assert sorted(failed - MACHINES - listed) == []
    assert sorted(listed - failed - MACHINES) == []


def test_what_the_page_says_is_in_force_is(scanner: Audited) -> None:
    """By the word of sshd and of systemd, whatever file OpenSCAP looked into."""
    said = set(scanner.on("sshd", "-T").splitlines())
    assert IN_FORCE - said == set()
    journal = set(scanner.on("systemd-analyze", "cat-config", "systemd/journald.conf").splitlines())
    assert {"Storage=persistent", "Compress=yes", "ForwardToSyslog=no"} - journal == set()
    cores = scanner.on("su", "-", "deploy", "-s", "/bin/sh", "-c", "ulimit -H -c; umask")
    assert cores.split() == ["0", "0027"]
