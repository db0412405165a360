"""gixy-ng: what it finds in nginx's configuration, and what of that stays, each with its reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

STAYS = {
    "default_server_flag": "the first server of a port is its default; two apps of a host must not both claim the flag",
    "missing_resolver": "the variable names one of the upstreams in the same file, never a name of the DNS",
    "try_files_is_evil_too": "it asks for open_file_cache, which would hide from nginx that a file has flipped pools",
}
"""Findings by the name of their plugin; none of them is about security."""


def findings(file: Path) -> list[dict[str, Any]]:
    """All it says, at any level.

    Args:
        file: What `nginx -T` prints, or a configuration and what that includes.
    """
    program = Path(sys.executable).with_name("gixy")
    judged = subprocess.run([program, "-f", "json", file], capture_output=True, text=True, check=False)
    assert judged.stdout, judged.stderr
    found: list[dict[str, Any]] = json.loads(judged.stdout)
    return found
