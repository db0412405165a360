"""What the hosts' history learns of a change, however it ends."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import ReleaseFailed
from orchestrator.transport import local
from orchestrator.workflows.change_over import ChangeOver
from orchestrator.workflows.fleet import Context, unlock
from tests.support.changes import CONFIG, NEW, OLD, ONE, TWO, change, fail_at, live_fleet
from tests.support.fleet import FakeFleet


def told(fleet: FakeFleet) -> dict[str, tuple[Any, ...]]:
    """The last summary on each host: (result, from, to)."""
    return {
        name: tuple(line[key] for key in ("result", "from", "to"))
        for name, host in fleet.hosts.items()
        for line in host.history
        if line.get("summary")
    }


def tell(context: Context) -> ChangeOver:
    """A release that tells its story."""
    context.story.command = "release"
    return change(context)


def test_a_release_tells_every_host_how_it_ended() -> None:
    """In the call that gives the lock back: no call more than without a story."""
    fleet = live_fleet(TWO)
    tell(Context(CONFIG, TWO, fleet, local.this_process())).run()
    assert told(fleet) == dict.fromkeys(fleet.hosts, ("live", OLD, NEW))
    assert [verb for _, verb in fleet.calls].count("unlock") == len(TWO.hosts)


@pytest.mark.parametrize(
    ("verb", "result"), [("gate", "failed"), ("flip", "returned"), ("confirm", "returned")]
)
def test_a_failed_release_is_told_too(verb: str, result: str) -> None:
    """Whether users had seen it, and what failed where; never why, which may quote the app's log."""
    fleet = live_fleet(TWO)
    host = "lb-1" if verb == "flip" else "web-1"
    fleet.fail = fail_at(verb, ReleaseFailed("it broke", host=host, why="password=hunter2"))
    with pytest.raises(ReleaseFailed):
        tell(Context(CONFIG, TWO, fleet, local.this_process())).run()
    assert told(fleet) == dict.fromkeys(fleet.hosts, (result, OLD, NEW))
    line = fleet.hosts["web-2"].history[-1]
    assert line["figures"]["error"]["what"] == "it broke"
    assert "hunter2" not in str(line)


def test_a_release_that_stands_is_told_as_live_though_tidying_failed() -> None:
    """The lock is given back at the end of the command instead, with the same story."""
    fleet = live_fleet(ONE)
    fleet.fail = fail_at("drain", ReleaseFailed("it broke", host="web-1", why="because"))
    context = Context(CONFIG, ONE, fleet, local.this_process())
    tell(context).run()
    unlock(context)
    assert told(fleet) == {"web-1": ("live", OLD, NEW)}
    assert fleet.hosts["web-1"].history[-1]["figures"]["warnings"]
