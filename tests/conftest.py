"""What tests start can be interrupted, also where the tests themselves run in the background of a shell.

Such a shell ignores SIGINT, every process below it inherits that, and Ctrl-C could not be tried.
"""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What helpers of the tests assert is told in full, too.
pytest.register_assert_rewrite("tests.support", "tests.drills")

# No test asserts a time: on a busy machine any example may take longer than Hypothesis allows, to make or to run. The
# examples are the same in each run: CI judges the change and not the draw. For others: --hypothesis-profile=drawn.
settings.register_profile("drawn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeated", settings.get_profile("drawn"), derandomize=True)
settings.load_profile("repeated")
