"""systemd's own figure for what a service could still reach; 10 is worst."""

from __future__ import annotations

import json

import pytest

from tests.audits.conftest import Audited

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]


@pytest.mark.parametrize(("unit", "most"), [("shop@4001.service", 1.3), ("nginx.service", 4.0)])
def test_a_service_of_ours_is_in_its_box(unit: str, most: float, audited: Audited) -> None:
    """As it is loaded on the host, with all drop-ins."""
    shown = audited.on("systemd-analyze", "security", "--no-pager", unit)
    audited.keep(f"exposure-{unit}.txt", shown)
    exposure = float(shown.rpartition("Overall exposure level")[2].split(":")[1].split()[0])
    audited.figure(f"exposure {unit}", exposure)
    assert exposure <= most, shown


def test_the_rest_is_on_record(audited: Audited) -> None:
    """The whole table is kept: Debian's own services are not ours to box, and are no better for not being shown.

    It is made of unit files: an instance has none of its own.
    """
    table = json.loads(audited.on("systemd-analyze", "security", "--no-pager", "--json=short"))
    audited.keep("exposure.json", json.dumps(table, indent=1))
    assert {one["unit"] for one in table} >= {"nginx.service", "ssh.service"}
