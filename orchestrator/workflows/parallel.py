"""Doing the same on many hosts at once, with every failure kept."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from orchestrator.errors import InternalError, VpsdeployError

Got = TypeVar("Got")


@dataclass(slots=True)
class Outcome(Generic[Got]):
    """What came back, by host."""

    answers: dict[str, Got] = field(default_factory=dict)
    errors: dict[str, VpsdeployError] = field(default_factory=dict)

    def or_raise(self) -> dict[str, Got]:
        """The answers, if no host failed; else the first host's error, which names the others.

        Raises: VpsdeployError
        """
        if not self.errors:
            return self.answers
        first, *others = (self.errors[name] for name in sorted(self.errors))
        also = [f"also on {error.host}: {error.what}" for error in others]
        first.why = "\n".join([line for line in (first.why, *also) if line])
        raise first


def each(
    hosts: Iterable[str],
    act: Callable[[str], Got],
    spared: Callable[[dict[str, Got]], Collection[str]] = lambda _: (),
) -> Outcome[Got]:
    """Act on every host, one thread each, and wait for all.

    The threads are daemons and the wait is a queue's: Ctrl-C is seen at once, though a host may still be busy.

    Args:
        hosts: Their names.
        act: What to do on one.
        spared: Hosts that need not be waited for, judged by the answers so far.
    """
    done: queue.SimpleQueue[tuple[str, Got | VpsdeployError]] = queue.SimpleQueue()
    names = list(dict.fromkeys(hosts))
    for name in names:
        threading.Thread(
            target=lambda host: done.put((host, _caught(act, host))), args=(name,), daemon=True
        ).start()
    outcome: Outcome[Got] = Outcome()
    waiting = set(names)
    while waiting:
        name, result = done.get()
        waiting.discard(name)
        if isinstance(result, VpsdeployError):
            outcome.errors[name] = result
        else:
            outcome.answers[name] = result
        waiting -= set(spared(outcome.answers))
    return outcome


def _caught(act: Callable[[str], Got], host: str) -> Got | VpsdeployError:
    try:
        return act(host)
    except VpsdeployError as error:
        error.host = error.host or host
        return error
    except Exception as error:  # noqa: BLE001 - a thread must hand over whatever went wrong
        return InternalError(
            "unexpected error", host=host, why=repr(error), next="report it with --debug's traceback"
        )
