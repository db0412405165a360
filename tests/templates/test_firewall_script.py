"""What puts the firewall's rules in force, against the kernel in a network of its own: closed whatever comes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import roles

SCRIPT = "usr/local/lib/vpsdeploy/firewall.j2"
_MOVED = ("/etc/vpsdeploy/", "/var/lib/vpsdeploy/", "/run/vpsdeploy/")
REFUSED = "table inet vpsdeploy { chain input { no such thing } }\n"
WANTED, LEAST = "tcp dport 4000-4199", "tcp dport != 22 drop"
"""A rule of the app's, and one that the least alone has."""


class Host:
    """A directory that stands for the host's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rules, self.part = (
            root / "etc/vpsdeploy/firewall.nft",
            root / "etc/vpsdeploy/firewall.d/my-shop.nft",
        )
        self.kept = root / "var/lib/vpsdeploy/firewall/last.nft"
        self.waiting = root / "var/lib/vpsdeploy/guard/firewall"
        self.part.parent.mkdir(parents=True)
        self.script = root / "firewall"
        self.script.write_text(self.moved(roles.render("firewall", SCRIPT)))
        self.script.chmod(0o755)
        for name in ("systemctl", "vpsdeploy-agent"):
            (root / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
            (root / name).chmod(0o755)
        self.write()

    def moved(self, text: str) -> str:
        """With the host's paths below the test's."""
        for place in _MOVED:
            text = text.replace(place, f"{self.root}{place}")
        return text

    def write(self, **values: object) -> None:
        """The role's files, as they should be."""
        self.rules.write_text(self.moved(roles.render("firewall", "etc/vpsdeploy/firewall.nft.j2", **values)))
        self.part.write_text(roles.render("firewall", "etc/vpsdeploy/firewall.d/app.nft.j2", **values))

    def run(self, *steps: str) -> str:
        """Steps in a network of their own, where nothing is in force; what they print, and what is in force then."""
        alone = (
            ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
        )
        lines = [f'PATH="{self.root}:$PATH:/usr/sbin:/sbin"', *steps, "nft list ruleset"]
        done = subprocess.run(
            [*alone, "sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture(name="host")
def _host(tmp_path: Path) -> Host:
    return Host(tmp_path)


LOAD = "firewall load; echo exit=$?"
BOOT = "nft flush ruleset"
"""What a boot comes to: nothing is in force."""


def test_good_rules_are_in_force_and_kept(host: Host) -> None:
    """As one file, which nft takes by itself."""
    said = host.run(LOAD)
    assert "exit=0" in said
    assert WANTED in said
    host.rules.unlink()
    host.part.unlink()
    assert WANTED in host.run(f"nft -f {host.kept}")


@pytest.mark.parametrize("broken", ["refused", "empty", "gone", "cut", "a part of an app"])
def test_a_file_that_nft_refuses_leaves_the_last_rules_in_force(host: Host, broken: str) -> None:
    """At boot; an empty file, which nft takes for nothing to do, is none either."""
    host.run(LOAD)
    if broken == "a part of an app":
        host.part.write_text(REFUSED)
    elif broken == "gone":
        host.rules.unlink()
    else:
        whole = host.rules.read_text()
        host.rules.write_text({"refused": REFUSED, "empty": "", "cut": whole[: len(whole) // 2]}[broken])
    said = host.run(LOAD)
    assert "exit=1" in said
    assert "<3>vpsdeploy: nft refused" in said
    assert WANTED in said
    assert "policy drop" in said


def test_without_any_that_were_good_there_are_ssh_and_http_only(host: Host) -> None:
    """From everywhere, and counted: an owner gets in, and nothing else does."""
    host.rules.write_text(REFUSED)
    said = host.run(LOAD)
    assert "exit=1" in said
    assert LEAST in said
    assert "tcp dport { 80, 443 } accept" in said
    assert "limit rate over 120/minute" in said
    assert WANTED not in said


def test_kept_rules_that_are_refused_too_come_to_the_same(host: Host) -> None:
    """A kernel that lacks what they need, a damaged disk."""
    host.run(LOAD)
    for file in (host.rules, host.kept):
        file.write_text(REFUSED)
    assert LEAST in host.run(LOAD)


def test_a_reload_that_is_refused_changes_nothing(host: Host) -> None:
    """What was in force is what was kept."""
    said = host.run(LOAD, f"printf '%s' '{REFUSED}' > {host.rules}", LOAD)
    assert "exit=1" in said
    assert WANTED in said


def test_a_change_that_waits_for_its_proof_is_not_kept(host: Host) -> None:
    """It may be the one that locks out: taken back and refused, the rules of before it come, not it."""
    host.run(LOAD)
    host.waiting.mkdir(parents=True)
    host.write(firewall_ssh_from=["192.0.2.0/24"])
    assert "192.0.2.0/24" in host.run(LOAD)
    host.rules.write_text(REFUSED)
    said = host.run(LOAD)
    assert WANTED in said
    assert "192.0.2.0/24" not in said
    host.waiting.rmdir()
    host.write(firewall_ssh_from=["192.0.2.0/24"])
    host.run(LOAD)
    assert "192.0.2.0/24" in host.kept.read_text()


def test_what_empties_the_firewall_takes_nothing_away(host: Host) -> None:
    """Our table comes back, and bans are told to."""
    (host.root / "etc/vpsdeploy/bans.json").write_text("{}")
    said = host.run(LOAD, BOOT, "firewall flushed")
    assert WANTED in said
    assert "systemctl --no-block try-restart fail2ban.service" in said
    assert 'vpsdeploy-agent restore-bans --request {"protocol":1}' in said


def test_who_stops_our_unit_means_it(host: Host) -> None:
    """Then nothing comes back; other tables are left alone."""
    said = host.run(
        LOAD, "nft add table inet f2b-table", "firewall unload", "firewall flushed", "firewall check"
    )
    assert "table inet vpsdeploy" not in said
    assert "table inet f2b-table" in said


@pytest.mark.parametrize(
    "taken", ["nft flush ruleset", "nft delete table inet vpsdeploy", "nft flush chain inet vpsdeploy input"]
)
def test_a_look_each_minute_brings_back_what_somebody_took_away(host: Host, taken: str) -> None:
    """The whole; our table; its rules: the host is closed then, to its owner too."""
    said = host.run(LOAD, taken, "firewall check")
    assert WANTED in said
    assert "<3>vpsdeploy: the rules were taken away" in said
    assert "systemctl --no-block try-restart fail2ban.service" in said


def test_a_look_that_finds_the_rules_does_nothing(host: Host) -> None:
    """Nor does it where rules were never put in force."""
    assert "fail2ban" not in host.run(LOAD, "firewall check")
    assert "table" not in host.run("firewall unload", "firewall check")
