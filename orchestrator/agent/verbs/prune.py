"""prune: remove old releases, and files of the store that no release uses any more."""

from __future__ import annotations

import os
import shutil
from typing import Any

from orchestrator.agent import durable, installs, jobs, parts, pools, releases
from orchestrator.agent.call import Call
from orchestrator.agent.layout import AppLayout


def prune(call: Call) -> dict[str, Any]:
    """Keep the newest releases, those that run or have a job under way, the current and the previous one."""
    app, keep = call.app, max(1, call.request.count("keep"))
    served = {pool.release for pool in pools.read(app).values() if pool}
    needed = served | jobs.needed(call) | {pools.current(app), pools.previous(app)}
    removed = [name for name in releases.identifiers(app)[:-keep] if name not in needed]
    for name in removed:
        durable.remove_tree(app.release(name))
    for leftover in app.releases.glob(".*") if app.releases.is_dir() else ():
        shutil.rmtree(leftover, ignore_errors=True)
    _forget_transfers(app)
    installs.forget_unused(app)
    jobs.sweep(call)
    files, freed = _sweep_store(app)
    if removed:
        call.record("prune", old=None, new=None, result="removed", releases=removed, files=files, bytes=freed)
    return {"removed": removed, "files": files, "bytes": freed}


def _forget_transfers(app: AppLayout) -> None:
    """What was offered and never assembled, and parts of files that nobody came back for."""
    if app.incoming.is_dir():
        parts.collect(app)
        parts.forget(app)
        for pattern in ("*.json", "*.files", ".*.new"):
            for offered in app.incoming.glob(pattern):
                offered.unlink(missing_ok=True)


def _sweep_store(app: AppLayout) -> tuple[int, int]:
    """Remove files with no other link. Returns: how many, and their bytes."""
    files = freed = 0
    for shard in app.store.glob("??"):
        with os.scandir(shard) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if status.st_nlink == 1:
                    (shard / entry.name).unlink()
                    files, freed = files + 1, freed + status.st_size
    return files, freed
