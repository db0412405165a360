"""`vpsdeploy bans`: who is kept out, on every host of the stage."""

from __future__ import annotations

from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import VpsdeployError
from orchestrator.model.ban import Ban, Seen
from orchestrator.model.fleet import Stage
from orchestrator.plan import bans as plan
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import Outcome, each


def look(config: AppConfig, stage: Stage, opener: Opener = open_over_ssh) -> Seen:
    """Ask every host; a host that is down keeps nobody from seeing the others.

    Raises: VpsdeployError: none answers.
    """
    with opened(config, stage, opener) as context:
        outcome = _everywhere(context, "bans", {})
    if not outcome.answers:
        outcome.or_raise()
    unwatched = tuple(name for name in _order(stage, outcome) if not outcome.answers[name]["watched"])
    silent = tuple((name, f"{error.what}: {error.why}") for name, error in sorted(outcome.errors.items()))
    return Seen(stage.name, _bans(stage, outcome, "bans"), _order(stage, outcome), unwatched, silent)


def lift(config: AppConfig, stage: Stage, address: str, opener: Opener = open_over_ssh) -> Seen:
    """Let a client in again everywhere. Returns: the bans that were ended.

    Raises: UsageError: no address; nothing was touched. VpsdeployError: a host did not; its state says which did.
    """
    request = {"address": plan.address(address)}
    return _change(config, stage, "lift", request, opener, "lifted")


def add(config: AppConfig, stage: Stage, address: str, length: str, opener: Opener = open_over_ssh) -> Seen:
    """Keep a client out of every host. Returns: the bans that were made.

    Raises: UsageError: no address, or one of ours. VpsdeployError: a host did not; its state says which did.
    """
    request = {"address": plan.bannable(address), "seconds": plan.seconds(length)}
    return _change(config, stage, "ban", request, opener, "bans")


def _change(
    config: AppConfig, stage: Stage, verb: str, request: dict[str, Any], opener: Opener, field: str
) -> Seen:
    with opened(config, stage, opener) as context:
        outcome = _everywhere(context, verb, request)
        try:
            outcome.or_raise()
        except VpsdeployError as error:
            done = _order(stage, outcome)
            error.state = error.state or (f"done on {', '.join(done)}" if done else "nothing was changed")
            error.next = error.next or "the same command again, once every host answers: it is safe to repeat"
            raise
    return Seen(stage.name, _bans(stage, outcome, field), _order(stage, outcome))


def _everywhere(context: Context, verb: str, request: dict[str, Any]) -> Outcome[dict[str, Any]]:
    """No lock is taken: a ban cannot wait for a release."""
    return each([host.name for host in context.stage.hosts], lambda name: context.call(name, verb, request))


def _order(stage: Stage, outcome: Outcome[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(host.name for host in stage.hosts if host.name in outcome.answers)


def _bans(stage: Stage, outcome: Outcome[dict[str, Any]], field: str) -> tuple[Ban, ...]:
    return tuple(
        Ban(host=name, **fields) for name in _order(stage, outcome) for fields in outcome.answers[name][field]
    )
