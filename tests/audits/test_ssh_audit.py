"""ssh-audit from outside, by its own rules and by its own policy for a hardened Debian."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audits.conftest import Audited
from tests.support.vps import DEBIAN

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

PROGRAM = Path(sys.executable).with_name("ssh-audit")


def test_ssh_audit_finds_no_fail_and_no_warning(audited: Audited) -> None:
    """Debian 12: a warning of the classic exchange, without which our own client and its sshd have none in common."""
    done = subprocess.run(
        [PROGRAM, "-jj", audited.address], capture_output=True, text=True, check=False, timeout=120
    )
    audited.keep("ssh-audit.json", done.stdout)
    report = json.loads(done.stdout)
    notes = {
        level: sorted(
            entry["algorithm"]
            for kind in ("kex", "key", "enc", "mac")
            for entry in report[kind]
            if entry["notes"].get(level)
        )
        for level in ("fail", "warn")
    }
    audited.figure("ssh-audit", notes)
    classic = ["curve25519-sha256", "curve25519-sha256@libssh.org"] if DEBIAN == 12 else []
    assert notes == {"fail": [], "warn": classic}
    assert report["cves"] == []
