"""Lynis, Debian's package, with its own profile."""

from __future__ import annotations

import re

import pytest

from tests.audits.conftest import Audited

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

LEAST = 85
"""Hardening index. A container loses 8 points and more to settings of a kernel that it does not have."""


def test_lynis_gives_85_of_100_and_no_warning(audited: Audited) -> None:
    """All its tests, none skipped."""
    audited.install("lynis")
    audited.on("sh", "-c", "cd / && lynis audit system --quick --no-colors --quiet")
    report = audited.on("cat", "/var/log/lynis-report.dat")
    audited.keep("lynis.dat", report)
    audited.keep("lynis.log", audited.on("cat", "/var/log/lynis.log"))
    found = dict(re.findall(r"^(hardening_index|lynis_version|lynis_tests_done)=(.*)$", report, re.MULTILINE))
    audited.figure("lynis", found)
    assert re.findall(r"^warning\[\]=.*$", report, re.MULTILINE) == []
    assert int(found["hardening_index"]) >= LEAST, re.findall(r"^suggestion\[\]=(.*)$", report, re.MULTILINE)
