"""Lynis in a sandbox host. What it gives a host with a kernel of its own is in test_machine.py."""

from __future__ import annotations

import pytest

from tests.audits import lynis
from tests.audits.conftest import Audited
from tests.support.vps import DEBIAN

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]


@pytest.fixture(scope="module", name="report")
def _report(audited: Audited) -> str:
    """What it found."""
    audited.install(lynis.PACKAGE)
    audited.on("sh", "-c", lynis.JUDGE)
    report = audited.on("cat", lynis.REPORT)
    audited.keep("lynis.dat", report)
    audited.keep("lynis.log", audited.on("cat", lynis.LOG))
    audited.figure("lynis", lynis.figures(report))
    return report


def test_lynis_warns_of_nothing_and_suggests_nothing_but_what_stays(report: str) -> None:
    """A suggestion that is on no list fails, and so does one on the list that is not made any more."""
    assert lynis.warnings(report) == []
    assert {name for name, _ in lynis.suggestions(report)} == lynis.stays(DEBIAN, container=True)
