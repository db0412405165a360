"""The console script: a quick start, the command line, and a quick end.

Python takes 0.1 s to take apart what a command has imported; the operating system takes none.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from typing import NoReturn

_GARBAGE_AFTER = 50_000
"""Objects (count) after which Python looks for garbage. By its default of 700 it does 126 times while a rollback is
imported, for nothing: a seventh of what the import takes."""


def run() -> NoReturn:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(_GARBAGE_AFTER)
    from orchestrator.cli.main import main  # late: this is what takes its time

    code = 0
    try:
        main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)  # it may have something to finish
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
