"""The rules of the role `audit` before a kernel of their own, in an emulated machine. A container has none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.audits.conftest import OUTSIDE, Audited
from tests.support import roles

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

SCRIPT = Path(__file__).with_name("machine.sh").read_text()
RULES, SETTINGS = "etc/audit/rules.d/50-vpsdeploy.rules.j2", "etc/audit/auditd.conf.j2"
SEEN = {
    "identity": "/etc/passwd",
    "rights": "/etc/sudoers.d/mallory",
    "logins": "/root/.mallory",
    "startup": "/etc/systemd/system/mallory.service",
    "vpsdeploy": "/etc/vpsdeploy/host.json",
}
"""What the machine changes, by the key that it is recorded under."""


@pytest.fixture(scope="module", name="said")
def _said(audited: Audited) -> str:
    """What the machine wrote to its console."""
    rules = roles.render("audit", RULES, audit_architectures=["b64", "b32"])
    settings = roles.render("audit", SETTINGS)
    for name, text in (("50-vpsdeploy.rules", rules), ("auditd.conf", settings)):
        audited.on("sh", "-c", f"cat > /root/{name} <<'END'\n{text}END\n", host=OUTSIDE)
    console = audited.on("sh", "-c", SCRIPT, host=OUTSIDE).replace("\r", "")
    audited.keep("auditd.txt", console)
    return console


def test_the_kernel_takes_every_rule(said: str) -> None:
    """None is refused or left out: as many are in force as the file has."""
    asked = [
        line
        for line in roles.render("audit", RULES, audit_architectures=["b64", "b32"]).splitlines()
        if line.startswith(("-a", "-w"))
    ]
    assert "LOADED 0" in said
    assert len(re.findall(r"^RULE: ", said, re.MULTILINE)) == len(asked)


@pytest.mark.parametrize(("key", "path"), SEEN.items())
def test_a_change_is_recorded_under_its_key(key: str, path: str, said: str) -> None:
    """With the path; auditd ran on the role's own settings."""
    assert re.search(rf'^SEEN {key}: .*name="(?:{path}|{path.rpartition("/")[2]})"', said, re.MULTILINE)


def test_a_step_of_the_clock_is_recorded_and_what_nobody_watches_is_not(said: str) -> None:
    """The log is for what matters."""
    assert re.search(r"^SEEN time: type=SYSCALL", said, re.MULTILINE)
    assert "UNWATCHED 0" in said
