"""What lynis, Debian's package, says of a host by its own profile, and what of that stays."""

from __future__ import annotations

import re
from collections.abc import Mapping

PACKAGE, REPORT, LOG = "lynis", "/var/log/lynis-report.dat", "/var/log/lynis.log"
JUDGE = "cd / && lynis audit system --quick --no-colors --quiet </dev/null"
"""All its tests, none skipped. How it ends is its verdict."""

CONTAINER = "container: "
STAYS = {
    "LYNIS": "it is Debian's version, older than four months",
    "DEB-0280": "a /tmp for each login (libpam-tmpdir) breaks what apt runs as others; services have theirs",
    "DEB-0810": "apt-listbugs asks a person, and updates come at night",
    "DEB-0811": "apt-listchanges asks a person, and updates come at night",
    "BOOT-5264": "Debian's own services are Debian's to box; the app, nginx and the exchange of bans are",
    "KRNL-5788": f"{CONTAINER}no kernel is installed",
    "AUTH-9284": "root has no password on purpose",
    "AUTH-9286": "passwords do not expire: keys would end with them",
    "FILE-6310": "a VPS has one disk; logs and the journal have limits instead",
    "NAME-4028": "no service of ours needs a domain of the host's own",
    "PKGS-7370": "dpkg itself verifies its packages every night (vpsdeploy-integrity); debsums does the same",
    "PKGS-7394": "apt says what is to be upgraded: `vpsdeploy host patch --check`",
    "HTTP-6710": "clients choose among strong ciphers only: Mozilla's guideline",
    "HTTP-6712": "the page with nginx's own figures, for the host alone, writes no log",
    "SSH-7408": "port 22 is where people look for SSH; 10 sessions, as Ansible and releases open several",
    "LOGG-2154": "where logs are sent is their owner's choice",
    "ACCT-9622": "auditd records what matters; each process of each release would be too much",
    "ACCT-9626": "a release's figures are vpsdeploy's; sysstat writes all day",
    "ACCT-9628": f"{CONTAINER}the kernel's records are its machine's",
    "TIME-3104": f"{CONTAINER}the clock is its machine's",
    "FINT-4350": "vpsdeploy-integrity looks every night; it knows none but its list of products",
    "FILE-7524": "/etc/crontab and /etc/ssh/sshd_config hold no secret",
    "KRNL-6000": "kernel.modules_disabled: nftables loads modules; in a container what is its machine's",
    "HRDN-7230": "scanners for viruses of desktops, and root kits of the last century",
}
"""Suggestions that stay, each with its reason."""

ONLY = {
    12: {
        "NETW-3200": "3.0.8 looks for /bin/true only; /bin/false, which fails, is known to 3.1.4",
        "HRDN-7222": "an assembler, of binutils, without which Debian 12 has no needrestart",
    },
    13: {
        "BOOT-5180": "Debian 13 tells no runlevel: `runlevel` says unknown, on a machine of its own too",
        "NAME-4404": "/etc/hosts is the provider's; libnss-myhostname answers for the host's name",
    },
}
"""Those of one Debian's version only."""

MACHINE = {
    "BOOT-5122": "who has the console has the provider's account; a boot loader's password keeps nobody else out"
}
"""Those that only a machine of its own gets."""


def stays(debian: int, *, container: bool) -> set[str]:
    """The names of all that stay on such a host."""
    everywhere = STAYS | ONLY[debian]
    if container:
        return set(everywhere)
    return {name for name, why in everywhere.items() if not why.startswith(CONTAINER)} | MACHINE.keys()


def suggestions(report: str) -> list[tuple[str, str]]:
    """The name of each, and its text."""
    found: list[tuple[str, str]] = re.findall(r"^suggestion\[\]=([^|]+)\|(.*)$", report, re.MULTILINE)
    return found


def warnings(report: str) -> list[str]:
    """Each as it stands there."""
    return re.findall(r"^warning\[\]=.*$", report, re.MULTILINE)


def figures(report: str) -> Mapping[str, object]:
    """What is kept for docs/security.md."""
    found = dict(re.findall(r"^(hardening_index|lynis_version|lynis_tests_done)=(.*)$", report, re.MULTILINE))
    return {**found, "suggestions": sorted({name for name, _ in suggestions(report)})}


def index(report: str) -> int:
    """Of 100."""
    (found,) = re.findall(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    return int(found)
