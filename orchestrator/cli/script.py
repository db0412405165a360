"""The console script: the command line, and a quick end.

Python takes 0.1 s to take apart what a command has imported; the operating system takes none.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import NoReturn

from orchestrator.cli.main import main


def run() -> NoReturn:
    """Run the command line and leave with its exit code."""
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
