"""The packed agent's __main__: run it from a copy beside which Python keeps the bytecode.

A zip's modules are compiled anew at every start: half of the agent's start. The copy is in /run, so that a power cut
leaves none that is half written. It is named by the package's version and time, so that an agent at work keeps its own
when another is installed, and a package that was mended is not run from the copy of the one that was not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VERSION = "unpacked"
COPIES = "/run/vpsdeploy/agent"


def copy_of(package: str, version: str, copies: str = COPIES) -> str:
    """What to import from: the copy, made where there is none yet; the package itself where none can be.

    Args:
        package: The .pyz.
        version: Its version: it names what is in it.
        copies: Directory of the copies; only root can write there.
    """
    written = Path(package).stat().st_mtime_ns
    place = Path(copies, f"{version}-{written:x}-{sys.implementation.cache_tag}")
    if place.is_dir():
        return str(place)
    if os.geteuid() != 0:
        return package
    try:
        _make(package, place)
    except OSError:  # /run is full: a slow start is better than none
        return package
    return str(place)


def _make(package: str, place: Path) -> None:
    import compileall
    import shutil
    import tempfile
    import zipfile

    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(partial)
        compileall.compile_dir(partial, quiet=2)
        partial.rename(place)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        if not place.is_dir():  # else another agent was quicker
            raise


if __name__ == "__main__":
    sys.path.insert(0, copy_of(sys.path[0], VERSION))
    from orchestrator.agent.main import main

    sys.exit(main())
