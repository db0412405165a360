"""`vpsdeploy lock` and `unlock`: a person keeps everybody from changing the app, until they say otherwise."""

from __future__ import annotations

from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import HostUnreachable, LockHeld, UsageError, VpsdeployError
from orchestrator.model.fleet import Stage
from orchestrator.model.lock import Locked, Unlocked
from orchestrator.report.reporter import Reporter
from orchestrator.workflows import fleet
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each
from orchestrator.workflows.waiting import Patience

_MOST_MESSAGE = 500
"""As many characters as a host keeps."""


_ASK = (
    "ask them, or: vpsdeploy unlock --force (a release that runs stops at its next step; the next one puts in order "
    "what it left)"
)


def checked(message: str) -> str:
    """A message that tells others something.

    Raises: UsageError: empty, too long, or of more than one line.
    """
    text = message.strip()
    if not text or not text.isprintable() or len(text) > _MOST_MESSAGE:
        why = f"it must be text on one line, of at most {_MOST_MESSAGE} characters"
        raise UsageError("the message is not usable", why=why, state="nothing was locked")
    return text


def take(
    config: AppConfig, stage: Stage, message: str, wait_seconds: float, reporter: Reporter,
    opener: Opener = open_over_ssh,
) -> Locked:  # fmt: skip
    """Lock every host that takes part, or none: what this command has taken is given back where one host refuses.

    Raises: LockHeld: somebody else holds the lock; HostNotReady, HostUnreachable.
    """
    hosts = sorted(host.name for host in stage.hosts)
    again: list[str] = []
    with opened(config, stage, opener) as context:
        patience = Patience(context, reporter, wait_seconds)
        try:
            for host in tuple(hosts):
                taken = _taken(context, patience, host, message)
                if taken is None:
                    hosts.remove(host)
                elif taken.get("again"):
                    again.append(host)
                    del context.tokens[host]
        except VpsdeployError as error:
            error.state = error.state or _state(again, stage)
            raise
        context.tokens.clear()  # these locks outlive the command
        return Locked(config.app, stage.name, context.owner.by, message, tuple(hosts), tuple(again))


def end(config: AppConfig, stage: Stage, *, force: bool, opener: Opener = open_over_ssh) -> Unlocked:
    """Unlock every host that can be reached, whatever the others say.

    Raises: LockHeld: another person's lock, or a release that may still run, and no `force`; HostUnreachable.
    """
    with opened(config, stage, opener) as context:
        names = [host.name for host in stage.hosts]
        outcome = each(names, lambda host: _end_one(context, host, force=force))
        gone = _gone(context) if outcome.errors else set()
        names = [name for name in names if name not in outcome.errors.keys() & gone]
        outcome.errors = {name: error for name, error in outcome.errors.items() if name not in gone}
        try:
            answers = outcome.or_raise()
        except VpsdeployError as error:
            if isinstance(error, LockHeld):
                error.next = _ASK
            done = ", ".join(host for host in names if host in outcome.answers) or "no host"
            error.state = error.state or f"{done} is unlocked; the others are as they were"
            raise
        return Unlocked(config.app, stage.name, {host: answers[host].get("was") for host in names})


def _taken(context: Context, patience: Patience, host: str, message: str) -> dict[str, Any] | None:
    """The answer of one host; None of one that was taken out and does not answer: no release asks it either."""
    try:
        return patience.lock(host, message, manual=True)
    except HostUnreachable:
        if host in _gone(context):
            return None
        raise


def _gone(context: Context) -> set[str]:
    """Hosts that were taken out: one of them that does not answer is nobody's trouble."""
    try:
        return set(context.facts().out)
    except VpsdeployError:
        return set()


def _end_one(context: Context, host: str, *, force: bool) -> dict[str, Any]:
    """On one host; also a lock that a process of this machine left behind when it died."""
    try:
        return context.call(host, "unlock", {"force": force})
    except LockHeld:
        dead = fleet.dead_owner(context, host)
        if dead is None:
            raise
        return context.call(host, "unlock", {"force": False, "dead_owner": dead})


def _state(again: list[str], stage: Stage) -> str:
    if not again:
        return "no host was locked"
    return f"still locked by you: {', '.join(again)}; the other hosts of {stage.name} were not locked"
