"""`vpsdeploy releases diff`: what differs between two kept releases."""

from __future__ import annotations

from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import UsageError
from orchestrator.model.fleet import Stage
from orchestrator.plan import choose
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened


def run(
    config: AppConfig, stage: Stage, a: str, b: str, names: int, opener: Opener = open_over_ssh
) -> dict[str, Any]:
    """Ask one app host: a release is the same on all of them.

    Args:
        config: The app.
        stage: The hosts.
        a: Id of a release, or its beginning.
        b: The same; empty for the one that is live.
        names: Most files and packages to name (count).
        opener: How hosts are reached.
    Returns: the answer of the verb `compare` (docs/internals.md).
    Raises: UsageError: no such release is kept, or both are the same; VpsdeployError: a host is unreachable.
    """
    with opened(config, stage, opener) as context:
        facts = context.facts()
        if not (b or facts.live):
            raise UsageError("no release is live", state="nothing was changed", next="name both releases")
        one, other = choose.one(facts, a), choose.one(facts, b or facts.live)
        if one.id == other.id:
            raise UsageError(
                f"both are release {one.id}", state="nothing was changed", next="vpsdeploy releases"
            )
        request = {"a": one.id, "b": other.id, "names": names}
        return context.call(facts.apps[0].name, "compare", request)
