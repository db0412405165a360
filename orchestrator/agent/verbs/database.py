"""db-dump, db-load: the app's database as a file."""

from __future__ import annotations

import itertools
from typing import Any

from orchestrator.agent import body
from orchestrator.agent.backup import transfer
from orchestrator.agent.call import Call


def dump(call: Call) -> int:
    """The dump as a body without its end, on standard output; nothing of it where it cannot be made."""
    parts = transfer.taken(call)
    first = next(parts, b"")
    with call.answers.file() as output:
        output.writelines(body.blocks(itertools.chain((first,), parts)))
    return 0


def load(call: Call) -> dict[str, Any]:
    """Take the body for a dump."""
    return transfer.put(call, call.body)
