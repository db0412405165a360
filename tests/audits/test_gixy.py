"""gixy-ng on the configuration that nginx runs; what it says of other hosts' is tests/templates/test_gixy.py."""

from __future__ import annotations

import json

import pytest

from tests.audits.conftest import Audited
from tests.support.gixy import STAYS, findings

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]


def test_gixy_finds_nothing_but_what_stays(audited: Audited) -> None:
    """At any level; and what stays is still found."""
    dump = audited.reports / "nginx.conf"
    dump.write_text(audited.on("nginx", "-T"))
    found = findings(dump)
    audited.keep("gixy.json", json.dumps(found))
    levels = {one["plugin"]: one["severity"] for one in found}
    audited.figure("gixy", levels)
    assert [one for one in found if one["plugin"] not in STAYS] == []
    assert levels.keys() == STAYS.keys()
    assert "HIGH" not in levels.values()
