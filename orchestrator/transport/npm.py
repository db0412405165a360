"""Asking this machine's npm about itself."""

from __future__ import annotations

import shutil
import subprocess

_TIMEOUT_SECONDS = 20


def registry() -> str:
    """The registry that npm uses on this machine, as `npm config get registry` says; empty without npm."""
    program = shutil.which("npm")
    if not program:
        return ""
    # --prefix: outside any project, whose settings are not the machine's.
    command = [program, "config", "get", "registry", "--prefix", "/"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = done.stdout.strip()
    return found if found.startswith(("http://", "https://")) else ""
