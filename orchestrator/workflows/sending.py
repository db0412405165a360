"""Bringing a bundle's files to the hosts: offer, receive, assemble. What is missing there decides what is sent."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import ReleaseFailed
from orchestrator.model.step import Step
from orchestrator.report.reporter import Reporter
from orchestrator.transport.blocks import Again
from orchestrator.transport.bundle_stream import Missing, Source
from orchestrator.transport.spool import Spool
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.parallel import each
from orchestrator.workflows.transaction import Act, Answers

_ROUNDS = 2
"""How often files are sent that turn out to be damaged on the host (count): a disk that fails again is broken."""


class Sending:
    """One bundle on its way to the app hosts of one command.

    Args:
        source: Of what is sent.
        context: The hosts.
        reporter: Told about files that have to be sent again.
    """

    def __init__(self, source: Source, context: Context, reporter: Reporter) -> None:
        self._source, self._context, self._reporter = source, context, reporter
        self._offer: Step | None = None
        self._missing: dict[str, Missing] = {}
        self._installation: Step | None = None

    @property
    def acts(self) -> dict[str, Act]:
        """For Transaction: the steps that are more than to ask each host the same."""
        own = {"offer": self._compare, "receive": self._send, "assemble": self._assemble}
        return {**own, "install": self._install}

    def _compare(self, step: Step) -> Answers:
        self._offer = step
        return self._compare_on(step, step.hosts)

    def _compare_on(self, step: Step, hosts: Iterable[str]) -> Answers:
        answers = each(
            hosts,
            lambda host: self._context.call(host, "offer", step.request, body=Again(self._source.offered)),
        ).or_raise()
        self._missing |= {host: Missing.parse(answer) for host, answer in answers.items()}
        return answers

    def _send(self, step: Step) -> Answers:
        """To all hosts at once. Those that lack the same share one stream: files are read and compressed once."""
        lacking = {host: self._missing[host] for host in step.hosts if self._missing[host].files}
        answers = self._send_to(lacking)
        damaged = [host for host, answer in answers.items() if answer.get("damaged")]
        if damaged:
            self._again(damaged, "files whose transfer was resumed were damaged")
        return answers

    def _send_to(self, lacking: dict[str, Missing]) -> Answers:
        alike = {missing: list(lacking.values()).count(missing) for missing in lacking.values()}
        shared = {
            missing: Spool(self._source.stream(missing), self._source.directory)
            for missing, hosts in alike.items()
            if hosts > 1
        }

        def send(host: str) -> dict[str, object]:
            missing = lacking[host]
            spool = shared.get(missing)
            body = Again(spool.read if spool else lambda: self._source.stream(missing))
            return self._context.call(host, "receive", {"count": missing.files}, body=body)

        try:
            return each(lacking, send).or_raise()
        finally:
            for spool in shared.values():
                spool.close()

    def _install(self, step: Step) -> Answers:
        self._installation = step
        return self._install_on(step, step.hosts)

    def _install_on(self, step: Step, hosts: Iterable[str]) -> Answers:
        return each(hosts, lambda host: self._context.call(host, "install", step.request)).or_raise()

    def _assemble(self, step: Step) -> Answers:
        """A host that finds damaged files in its store is sent them again, within the same release."""
        answers = self._assemble_on(step, step.hosts)
        for _ in range(_ROUNDS):
            damaged = [host for host, answer in answers.items() if answer.get("damaged")]
            if not damaged:
                return answers
            count = sum(int(answers[host]["damaged"]) for host in damaged)
            self._again(damaged, f"{count} files of the store were damaged")
            answers |= self._assemble_on(step, damaged)
        raise ReleaseFailed(
            "files on the host are damaged", host=", ".join(damaged),
            why=f"they were sent {_ROUNDS} times, and each time did not hold what they should",
            next="look at the host's disk: journalctl -k",
        )  # fmt: skip

    def _assemble_on(self, step: Step, hosts: Iterable[str]) -> Answers:
        return each(hosts, lambda host: self._context.call(host, "assemble", step.request)).or_raise()

    def _again(self, hosts: list[str], why: str) -> None:
        self._reporter.note(f"{why} on {', '.join(hosts)}: sent again")
        assert self._offer is not None  # noqa: S101 - the plan has an offer before whatever comes here
        self._compare_on(self._offer, hosts)
        self._send_to({host: self._missing[host] for host in hosts if self._missing[host].files})
        if self._installation:
            self._install_on(self._installation, hosts)
