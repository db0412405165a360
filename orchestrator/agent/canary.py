"""A share of the requests for the pool that is not live, by files that nginx looks at for each request.

nginx numbers requests from 0 to 99 (`split_clients` in the role `nginx`); those whose number has a file in
`routes/<app>/canary-<colour>/` go to that pool. The name is a link to a directory that is made beforehand, so a share
changes at once and as a whole.
"""

from __future__ import annotations

from orchestrator.agent import durable, plain
from orchestrator.agent.layout import AppLayout

COLOURS = ("blue", "green")


def begin(app: AppLayout, colour: str, percent: int) -> None:
    """Send a share of the requests to a pool; it is on disk before this returns."""
    share = app.share(percent)
    share.mkdir(mode=0o755, exist_ok=True)
    for number in range(percent):
        (share / str(number)).touch(mode=0o644)
    durable.sync_directory(share)
    with plain.deciding(app):
        durable.link(app.canary(colour), share.name)
    _sweep(app, keep=share.name)


def end(app: AppLayout) -> None:
    """All requests to the live pool; not an error where no canary runs."""
    for colour in COLOURS:
        durable.remove(app.canary(colour))
    plain.settle(app)
    _sweep(app)


def _sweep(app: AppLayout, keep: str = "") -> None:
    """Remove shares that no name leads to any more."""
    for share in app.routes.glob(".share-*"):
        if share.name != keep:
            durable.remove_tree(share)
