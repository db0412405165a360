"""Peaks of memory, as the kernel keeps them for each process.

ru_maxrss would not do: a process inherits it from whoever started it. The same file runs on a host, as root, and
watches the agents there: python3 memory.py FILE.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

_AGENT = b"/agent.pyz"
_PAUSE_SECONDS = 0.02


def high_water_bytes(process: int | str) -> int:
    """The most that a process has ever held resident; 0 where it is gone."""
    return _status(process, "VmHWM:")


def _status(process: int | str, name: str) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0]) * 1024 if found else 0


def _agents() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"python" in words[0] and any(word.endswith(_AGENT) for word in words[1:]):
            found.append(path.parent.name)
    return found


def watch(target: Path) -> None:
    """Until it is killed: write the highest peak of one agent, and the most that all held at the same time."""
    one = together = 0
    while True:
        agents = _agents()
        one = max([one, *map(high_water_bytes, agents)])
        together = max(together, sum(_status(agent, "VmRSS:") for agent in agents))
        target.with_suffix(".new").write_text(
            json.dumps({"one": one, "together": together}), encoding="ascii"
        )
        target.with_suffix(".new").replace(target)
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
