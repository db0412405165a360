"""`vpsdeploy workers`, `vpsdeploy cron list` and `vpsdeploy cron run`."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.config import AppConfig
from orchestrator.errors import UsageError
from orchestrator.facts import journal
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Stage
from orchestrator.model.job import Ended
from orchestrator.model.log import LogLine
from orchestrator.transport.agent import Answer
from orchestrator.workflows.fleet import Opener, open_over_ssh, opened
from orchestrator.workflows.releases import Seen, run

__all__ = ["Seen", "run", "run_now"]


def run_now(
    config: AppConfig, stage: Stage, name: str, told: Callable[[LogLine], None] | None = None,
    opener: Opener = open_over_ssh,
) -> Ended:  # fmt: skip
    """Run a cron entry on the host that runs it, and wait for its end.

    Args:
        config: The app.
        stage: The hosts.
        name: The entry, as the live release has it.
        told: Told about each line that it writes.
        opener: How hosts are reached.
    Raises: UsageError: no such entry; ReleaseFailed: a run of it is under way.
    """

    def heard(host: str, event: Answer) -> None:
        if told and event["event"] == "log":
            told(journal.parse(host, event))

    with opened(config, stage, opener) as context:
        host = _host_of(context.facts(), name)
        answer = context.call(host, "cron-run", {"name": name, "follow": told is not None}, on_event=heard)
        release, result = str(answer["release"]), str(answer["result"])
        return Ended(name, host, release, result, int(answer["exit_status"]), float(answer["seconds"]))


def _host_of(facts: FleetFacts, name: str) -> str:
    known = {entry: host.name for host in facts.apps for entry in host.jobs.cron}
    if name not in known:
        raise UsageError(
            f"no cron entry {name!r}", why=f"the live release has {', '.join(sorted(known)) or 'none'}",
            state="nothing was run", next="vpsdeploy cron list",
        )  # fmt: skip
    return known[name]
