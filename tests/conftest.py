"""What tests start can be interrupted, also where the tests themselves run in the background of a shell.

Such a shell ignores SIGINT, every process below it inherits that, and Ctrl-C could not be tried.
"""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What helpers of the tests assert is told in full, too.
pytest.register_assert_rewrite("tests.support", "tests.drills")

# No test asserts a time: on a busy machine any example may take longer than Hypothesis allows.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
