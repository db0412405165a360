"""The command line, held at one moment of one step until it is told to go on: so a fault strikes exactly there.

It is the product's own `vpsdeploy`; wrapped are only the lines of progress that it prints and the calls of the agent
that it makes: they wait. `python -m tests.drills.held STEP MOMENT release --json …`; says `{"kind": "held"}` on
standard output and goes on when it reads a line from standard input. With SKEW_SECONDS in its environment, its clock is
wrong by that.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
import threading
from typing import Any

from tests.drills.steps import Moment, Step

_ASIDE = ("facts", "renew")
"""Verbs that a step may ask beside its own."""


class Hold:
    """Where to stop."""

    def __init__(self, step: Step, moment: Moment) -> None:
        self._step, self._moment = step, moment
        self._reached, self._first, self._go = threading.Event(), threading.Lock(), threading.Event()

    def wait(self) -> None:
        """Say where we are, and wait to be told."""
        os.write(1, json.dumps({"kind": "held", "event": True}).encode() + b"\n")
        sys.stdin.readline()
        self._go.set()

    def told(self, kind: str, fields: dict[str, Any]) -> None:
        """A line of progress has been printed."""
        begun = kind == "step" and fields["state"] == "started" and fields["n"] and not self._reached.is_set()
        if begun and self._step.is_titled(fields["title"]):
            self._reached.set()
            if self._moment is Moment.START:
                self._first.acquire()
                self.wait()

    def around(self, call: Any) -> Any:
        """The agent's call: the first one of the step goes through, then all wait."""

        def held(fleet: Any, host: str, verb: str, request: Any, **more: Any) -> Any:
            if self._go.is_set() or not self._reached.is_set() or verb in _ASIDE:
                return call(fleet, host, verb, request, **more)
            if not self._first.acquire(blocking=False):
                self._go.wait()
                return call(fleet, host, verb, request, **more)
            try:
                return call(fleet, host, verb, request, **more)
            finally:
                self.wait()

        return held


def main() -> None:
    """Run the command line."""
    hold = Hold(Step[sys.argv[1]], Moment[sys.argv[2]])
    del sys.argv[1:3]
    from orchestrator.cli import main as cli
    from orchestrator.report.reporter import JsonLines
    from orchestrator.transport.agent_ssh import SshFleet

    tell = JsonLines.event

    def event(self: JsonLines, kind: str, fields: dict[str, Any]) -> None:
        tell(self, kind, fields)
        hold.told(kind, fields)

    JsonLines.event = event  # type: ignore[method-assign] # this process is the drill's own and never needs it back
    SshFleet.call = hold.around(SshFleet.call)  # type: ignore[method-assign] # nor does anybody else call by it
    if skew := float(os.environ.get("SKEW_SECONDS", "0")):
        _skew(datetime.timedelta(seconds=skew))
    cli.main()


def _skew(by: datetime.timedelta) -> None:
    """The controller asks for the time of day in one place: to name the release."""
    from orchestrator.workflows import release

    class Skewed(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override] # its zone and value are read, never its class
            return datetime.datetime.now(tz) + by

    release.datetime = Skewed  # type: ignore[attr-defined] # replaced where it is used, as it is imported there


if __name__ == "__main__":
    main()
