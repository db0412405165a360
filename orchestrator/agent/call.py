"""One verb being carried out: where, what was asked, where answers go. Handed to every verb."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from orchestrator.agent import durable, space
from orchestrator.agent.answers import Answers
from orchestrator.agent.body import Body
from orchestrator.agent.failures import HostNotReady
from orchestrator.agent.layout import AppLayout, Layout
from orchestrator.agent.request import Request
from orchestrator.agent.systemd import Systemd


class Call(NamedTuple):
    """What a verb works with.

    Attributes:
        layout: Places on the host.
        systemd: The service manager.
        request: What was asked.
        answers: Where progress goes.
        body: What follows the request on standard input.
    """

    layout: Layout
    systemd: Systemd
    request: Request
    answers: Answers
    body: Body

    @property
    def app(self) -> AppLayout:
        """Places of the app that is meant."""
        return self.layout.app(self.request.app)

    def app_facts(self) -> dict[str, Any]:
        """What provisioning wrote about the app.

        Raises: HostNotReady: the app was not provisioned here.
        """
        facts = durable.read_json(self.app.facts_file)
        if not isinstance(facts, dict):
            why = f"{self.app.facts_file} does not exist"
            raise HostNotReady(
                f"app {self.app.name} is not provisioned", why=why, next="vpsdeploy provision host"
            )
        return facts

    def record(
        self, verb: str, *, old: str | None, new: str | None, result: str, change: str = "", summary: bool = False,
        **figures: Any,
    ) -> None:  # fmt: skip
        """Write one line to the host's history. A verb that found no room for it has done its work all the same.

        Args:
            verb: What was done; of a summary the command.
            old: What was before.
            new: What is now.
            result: One or two words.
            change: The change that it belongs to; default: the request's.
            summary: Whether the line tells of a whole change.
            figures: Whatever was counted.
        """
        from orchestrator.agent import history

        line = {
            "time": timestamp(), "verb": verb, "by": self.request.by, "from": old, "to": new, "result": result,
            "figures": figures, "change": change or self.request.change,
        } | ({"summary": True} if summary else {})  # fmt: skip
        try:
            history.append(self.app.history_file, line)
        except OSError as error:
            if error.errno not in space.FULL:
                raise


def timestamp() -> str:
    """Now, ISO 8601, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
