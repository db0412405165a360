"""Who waits for the app's lock on this host, in the order in which they came.

Nothing of ours runs between two calls, so a waiting controller asks again and again. Its place is kept as long as it
asks; one that has not asked for a while has given up or died, and its place is gone.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.agent import durable
from orchestrator.agent.failures import LockHeld
from orchestrator.agent.lease import Wish, person

Json = dict[str, Any]

KEPT_SECONDS = 15.0
"""How long a place outlives the last time its owner asked (our choice: many times a controller's pause)."""


def waiting(path: Path) -> list[Json]:
    """Everybody who waits, first come first."""
    places = durable.read_json(path)
    now = time.time()
    found = places if isinstance(places, list) else []
    return [place for place in found if 0 <= now - place["seen"] < KEPT_SECONDS]


def check_turn(path: Path, wish: Wish) -> None:
    """Let nobody overtake those who wait.

    Raises: LockHeld: somebody was here before; says who.
    """
    places = waiting(path)
    if places and places[0]["owner"] != wish.owner:
        first = places[0]
        why = f"{person(first['owner'])} waits for the lock and is next: {first['message']}"
        raise LockHeld("others wait for the lock", why=why, next="let the command wait too: --wait SECONDS")


def join(path: Path, wish: Wish) -> int:
    """Keep a place at the end, or the one that the owner has. Returns: how many are before it."""
    places = waiting(path)
    mine = next((place for place in places if place["owner"] == wish.owner), None)
    if mine is None:
        mine = {"owner": wish.owner, "message": wish.message}
        places.append(mine)
    mine["seen"] = time.time()
    durable.write_json(path, places)
    return places.index(mine)


def leave(path: Path, wish: Wish) -> None:
    """Give up one's place; without those who are gone nothing is left of the file."""
    if not path.exists():
        return
    rest = [place for place in waiting(path) if place["owner"] != wish.owner]
    durable.write_json(path, rest) if rest else durable.remove(path)
