"""What a restore takes the place of: kept beside, so that a restore can be undone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.agent.call import Call

_KEPT = 5
"""Of each database or service (count; our choice)."""


def keep(call: Call, name: str, ending: str, write: Callable[[Path], object]) -> Path:
    """Have what is there now written; the newest few stay. One that was not written to its end is none.

    Raises: AgentError: it could not be kept: then nothing is replaced.
    """
    directory = call.app.replaced
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{name}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}{ending}"
    try:
        write(path)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    for older in sorted(directory.glob(f"{name}-*{ending}"))[:-_KEPT]:
        older.unlink()
    return path
