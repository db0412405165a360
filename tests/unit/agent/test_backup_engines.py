"""What can be done with each kind's data is found by its name, and imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.agent.backup.engines import ENGINES, Engine


@pytest.mark.parametrize("kind", sorted(ENGINES))
def test_each_kind_has_an_engine(kind: str) -> None:
    """In the module that is called like it."""
    assert kind in ENGINES
    assert isinstance(ENGINES[kind], Engine)


def test_another_kind_has_none() -> None:
    """MongoDB is in no backup; a module's name is no way to another one."""
    assert len(ENGINES) == len(set(ENGINES))
    for kind in ("mongodb", "__init__", "..run"):
        assert kind not in ENGINES
        assert ENGINES.get(kind) is None


def test_a_backup_begins_without_what_belongs_to_a_kind() -> None:
    """Whose modules read the servers' own languages."""
    asked = (
        "import sys, orchestrator.agent.verbs.backup; print(*sys.modules); "
        "from orchestrator.agent.backup.engines import ENGINES; ENGINES['nats']; print(*sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", asked], cwd=root, capture_output=True, text=True, check=True)
    before, after = (set(line.split()) for line in done.stdout.splitlines())
    its_own = {"orchestrator.agent.backup.nats_dump", "http.client"}
    assert not its_own & before
    assert its_own <= after
