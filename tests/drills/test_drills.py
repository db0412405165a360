"""Each fault at its step: no request lost for the release, one release on the fleet, a next command that works.

A drill that fails heals its fault as well as it can; the next one begins with a fleet that is good, or says it is not.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.drills.catalogue import FAULTS
from tests.drills.drill import carry_out
from tests.drills.fault import Fault
from tests.drills.fleet import Fleet


def _parameter(fault: Fault) -> object:
    return pytest.param(fault, id=fault.title, marks=[] if fault.ci else [pytest.mark.drill])


@pytest.mark.sandbox
@pytest.mark.parametrize("fault", [_parameter(fault) for fault in FAULTS])
def test_drill(fleet: Fleet, fault: Fault) -> None:
    """The three assertions of tests/drills/judge.py."""
    try:
        carry_out(fleet, fault)
    except BaseException:
        with contextlib.suppress(Exception):  # it may have been healed; the failure is what is to be seen
            fault.harm.heal(fleet)
        raise
