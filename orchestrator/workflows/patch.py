"""`vpsdeploy host patch`: Debian's updates, host after host, each taken out of service where another can serve."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from orchestrator.config import AppConfig
from orchestrator.errors import Interrupted, VpsdeployError
from orchestrator.facts import updates as updates_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.patch import HostPatched, HostUpdates, Patched
from orchestrator.plan import patch as plan
from orchestrator.plan import services
from orchestrator.plan.patch import Wish
from orchestrator.report.reporter import Reporter
from orchestrator.workflows import membership
from orchestrator.workflows.fleet import Context, Opener, open_over_ssh, opened
from orchestrator.workflows.parallel import each
from orchestrator.workflows.patch_host import PatchHost


def run(
    config: AppConfig, stage: Stage, hosts: tuple[Host, ...], wish: Wish, reporter: Reporter,
    opener: Opener = open_over_ssh,
) -> Patched:  # fmt: skip
    """Patch the hosts, app hosts before load balancers; stop at the first that does not come back as it was.

    Raises:
        UsageError: a host cannot be restarted without an outage; nothing was touched.
        HostNotReady, HostUnreachable, …: the error's state says which hosts are done and which were not begun.
        Interrupted: Ctrl-C.
    """
    began = time.monotonic()
    with opened(config, stage, opener) as context:
        facts = context.facts(also=[host.name for host in hosts])
        seen = _look(context, hosts, reporter)
    todo = tuple(host for host in plan.order(hosts) if plan.has_work(seen[host.name], wish, config.app))
    known = tuple(seen[host.name] for host in hosts)
    left_out = {one.name: plan.held(one, wish) for one in known}
    result = Patched(stage.name, wish.check, wish.everything, known, (), left_out, 0)
    if not wish.check:
        plan.check_outage(facts, todo, wish, config.app, services.placed(config, stage))
        round_ = _Round(config, stage, wish, reporter, opener, facts)
        result = replace(result, hosts=round_.all(todo, hosts), warnings=tuple(round_.warnings))
    return replace(result, seconds=time.monotonic() - began)


def _look(context: Context, hosts: Sequence[Host], reporter: Reporter) -> dict[str, HostUpdates]:
    """Fresh lists and what they say, on all hosts at once."""
    begin = time.monotonic()
    title = f"fetch the package lists of {len(hosts)} host{'s' if len(hosts) > 1 else ''}"
    reporter.started(title, 0, 0)
    answers = each(
        [host.name for host in hosts], lambda name: context.call(name, "updates", {"refresh": True})
    ).or_raise()
    reporter.finished(title, time.monotonic() - begin, "")
    return {name: updates_facts.parse(name, answer) for name, answer in answers.items()}


@dataclass(slots=True)
class _Round:
    """The hosts one after the other, and where it stopped."""

    config: AppConfig
    stage: Stage
    wish: Wish
    reporter: Reporter
    opener: Opener
    facts: FleetFacts
    warnings: list[str] = field(default_factory=list)
    done: dict[str, HostPatched] = field(default_factory=dict)

    def all(self, todo: tuple[Host, ...], hosts: tuple[Host, ...]) -> tuple[HostPatched, ...]:
        """Patch each; the results in the order of the inventory."""
        for host in todo:
            away = False
            try:
                away = self._take_out(host)
                self._patch(host, away=away)
            except VpsdeployError as error:
                raise self._told(error, host, todo, away=away) from error
        return tuple(self.done[host.name] for host in hosts if host.name in self.done)

    def _take_out(self, host: Host) -> bool:
        """Whether the host was taken out for this, and is to come back."""
        if not plan.drains(self.facts, host):
            return False
        moved = membership.drain(self.config, self.stage, self._mover(host), self.reporter, self.opener)
        self.warnings += moved.warnings
        return True

    def _patch(self, host: Host, *, away: bool) -> None:
        begin = time.monotonic()
        patch = PatchHost(self.config, self.stage, host, self.wish, self.reporter, self.opener)
        answer = patch.run(away=away)
        if away:
            moved = membership.join(self.config, self.stage, self._mover(host), self.reporter, self.opener)
            self.warnings += moved.warnings
        self.done[host.name] = HostPatched(
            host.name, answer.upgraded, away, answer.restarted, answer.rebooted,
            answer.seen.reboot_required, answer.seen.stale, time.monotonic() - begin,
        )  # fmt: skip

    def _mover(self, host: Host) -> membership.Wish:
        return membership.Wish(host.name, wait_seconds=self.wish.wait_seconds)

    def _told(
        self, error: VpsdeployError, host: Host, todo: tuple[Host, ...], *, away: bool
    ) -> VpsdeployError:
        """The error with what is true of all hosts."""
        rest = [name for name in plan.left(todo, self.done) if name != host.name]
        parts = [error.state] if error.state else []
        parts += [f"{host.name} is out: it gets no requests"] if away else []
        parts += [f"patched: {', '.join(self.done) or 'none'}"]
        parts += [f"not begun: {', '.join(rest)}"] if rest else []
        error.state = "; ".join(parts)
        join = f"vpsdeploy host join {host.name} --stage {self.stage.name}"
        back = f"once it is well: {join}, then the same command again"
        if away:
            error.next = "\n".join(line for line in (error.next, back) if line)
        elif isinstance(error, Interrupted) or not error.next:
            error.next = "run the same command again: hosts that are done are passed over"
        return error
