"""integrity: the timer's look whether this host's files are whole. Writes a note, which `facts` tells, nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from orchestrator.agent import durable, foreign
from orchestrator.agent.call import Call, timestamp
from orchestrator.agent.verbs import audit

_MOST_NOTED = 100
"""Findings that are kept (our choice): a host with more has been upgraded halfway or broken into, and a few say so."""


def integrity(call: Call) -> dict[str, Any] | int:
    """Look at files of packages, programs with rights of their own, and what vpsdeploy made.

    Each finding is a line of the journal. Returns: 1 where there are any: the unit then counts as failed.
    """
    began = time.monotonic()
    found = list(_findings(call))
    for text in found[:_MOST_NOTED]:
        sys.stderr.write(f"<4>{text}\n")  # sd-daemon(3): 4 is a warning
    note = {
        "time": timestamp(), "seconds": round(time.monotonic() - began, 1), "count": len(found),
        "findings": found[:_MOST_NOTED],
    }  # fmt: skip
    call.layout.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    durable.write_json(call.layout.integrity_file, note)
    return 1 if found else note


def _findings(call: Call) -> Iterator[str]:
    yield from foreign.changed(call.systemd)
    yield from foreign.privileged(call.systemd, call.layout.root)
    for text in audit.audit(call)["differences"]:
        yield f"not as provisioned: {text}"
