"""One host's updates under the lock of all: install, restart where that is asked for, wait until it is well again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from orchestrator.config import AppConfig
from orchestrator.errors import HostNotReady, Interrupted, VpsdeployError
from orchestrator.facts import services as services_facts
from orchestrator.facts import updates as updates_facts
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.fleet import Host, Stage
from orchestrator.model.patch import HostUpdates, Upgrade
from orchestrator.model.service import ServiceHealth
from orchestrator.model.step import Step
from orchestrator.plan import membership, services, settings, size
from orchestrator.plan import patch as plan
from orchestrator.plan.patch import Wish
from orchestrator.report.reporter import Reporter
from orchestrator.transport import http
from orchestrator.workflows import heartbeat, repair
from orchestrator.workflows.fleet import Context, Opener, opened, targets
from orchestrator.workflows.transaction import Act, Answers, Transaction

ANSWER_SECONDS = 120.0
"""Longest wait for a database or broker that was restarted (our choice; one that recovers takes longer than one that
was stopped)."""

BOOT_SECONDS = 300.0
"""Longest wait for a host that restarts (our choice; a VPS takes about 20 s)."""

_PAUSE_SECONDS = 1.0
_BOOTED = ("running", "degraded")
"""Source: systemctl(1), is-system-running."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done on the host, and what it says now."""

    upgraded: tuple[Upgrade, ...]
    restarted: tuple[str, ...]
    rebooted: bool
    seen: HostUpdates


class PatchHost:
    """The steps on one host.

    Args:
        config: The app.
        stage: Its hosts.
        host: The one that is patched.
        wish: How.
        reporter: Told about each step.
        opener: How the hosts are reached.
    """

    def __init__(
        self, config: AppConfig, stage: Stage, host: Host, wish: Wish, reporter: Reporter, opener: Opener
    ) -> None:
        self._config, self._stage, self._host, self._wish = config, stage, host, wish
        self._reporter, self._opener = reporter, opener
        self._target: http.Target
        self._answered: tuple[str, ...] = ()

    def run(self, *, away: bool) -> Outcome:
        """Do all of it.

        Args:
            away: Whether the host is out: then whoever brings it back asks for its health.
        Raises: VpsdeployError: with its step, and what is so on the host.
        """
        with opened(self._config, self._stage, self._opener) as context:
            context.story.command = "host patch"
            facts = context.facts(also=(self._host.name,))
            (self._target,) = targets(context, facts, (self._host,))
            served = self._host.is_loadbalancer and http.reachable(self._target)
            if self._carries():
                self._answered = tuple(one.kind for one in self._health_of_services(context) if one.running)
            with heartbeat.kept(context):
                return self._guarded(context, facts, away=away, served=served)

    def _guarded(self, context: Context, facts: FleetFacts, *, away: bool, served: bool) -> Outcome:
        acts: dict[str, Act] = {
            "reboot": lambda step: self._restart(context, step), "serving": self._serving,
            "services": lambda step: self._services(context, step),
        }  # fmt: skip
        transaction = Transaction(
            context, self._reporter, f"patch {self._host.name}", acts, wait_seconds=self._wish.wait_seconds
        )
        try:
            return self._steps(context, transaction, facts, away=away, served=served)
        except KeyboardInterrupt:
            raise Interrupted(
                "interrupted", step=transaction.position, state=self._so_far(transaction)
            ) from None
        except VpsdeployError as error:
            error.state = error.state or self._so_far(transaction)
            context.story.failed(error, flipped=False)
            raise

    def _steps(
        self, context: Context, transaction: Transaction, facts: FleetFacts, *, away: bool, served: bool
    ) -> Outcome:
        name = self._host.name
        hosts = membership.locked(facts, self._host)
        transaction.run(Step("take the lock", "lock", hosts))
        repair.put_in_order(context, self._reporter)
        upgrade = Step(f"upgrade {name}", "upgrade", (name,), plan.request(self._wish))
        answer = transaction.run(upgrade).answers[name]
        upgraded, restarted = updates_facts.upgrades(answer["upgraded"]), tuple(answer["restarted"])
        seen = updates_facts.parse(name, {"pending": [], **answer})
        rebooted = plan.reboots(seen, self._wish)
        if rebooted:
            answer = transaction.run(Step(f"restart {name}", "reboot", (name,))).answers[name]
            seen = updates_facts.parse(name, answer)
        for step in self._health(context, away=away, served=served):
            transaction.run(step)
        context.story.result, context.story.release = "patched", name
        transaction.run(Step("give the lock back", "unlock", hosts, tidy=True))
        return Outcome(upgraded, restarted, rebooted, seen)

    def _health(self, context: Context, *, away: bool, served: bool) -> tuple[Step, ...]:
        """What shows that users are served as before: its instances where it kept them, nginx where it answered."""
        facts = context.facts(also=(self._host.name,))
        gate: tuple[Step, ...] = ()
        if not away and facts.colour and membership.is_in(facts, self._host):
            live = size.live_release(facts)
            health = live.health if live and live.health else settings.of(self._config, "", "")["health"]
            request = {"colour": facts.colour.value, **health}
            gate = (Step("wait until its instances are healthy", "gate", (self._host.name,), request),)
        answering = Step(f"wait for {', '.join(self._answered)}", "services", (self._host.name,))
        serving = Step("wait until it serves", "serving", (self._host.name,))
        return (*((answering,) if self._answered else ()), *gate, *((serving,) if served else ()))

    def _restart(self, context: Context, step: Step) -> Answers:
        """Restart the host and wait until systemd has booted it; its lock outlives that, on its disk."""
        (name,) = step.hosts
        before = context.call(name, "reboot", {})["boot"]
        deadline = time.monotonic() + BOOT_SECONDS
        why = "it did not go down"
        while time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            context.fleet.forget(name)
            try:
                answer: dict[str, Any] = context.call(name, "updates", {})
            except VpsdeployError as error:
                why = error.why or error.what
                continue
            why = f"systemd says: {answer['state']}"
            if answer["boot"] != before and answer["state"] in _BOOTED:
                return {name: answer}
        raise HostNotReady(
            "the host did not come back", host=name, why=f"{why} (limit {BOOT_SECONDS:.0f} s)",
            state="it was restarted", next="look at its console at your provider",
        )  # fmt: skip

    def _carries(self) -> bool:
        return bool(services.on_host(services.placed(self._config, self._stage), self._host.name))

    def _health_of_services(self, context: Context) -> tuple[ServiceHealth, ...]:
        return services_facts.parse(self._host.name, context.call(self._host.name, "services", {}))

    def _services(self, context: Context, step: Step) -> Answers:
        """Wait until each database and broker answers that did before: every host's instances need it."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while silent := self._silent(context):
            if time.monotonic() > deadline:
                raise HostNotReady(
                    f"{' and '.join(silent)} does not answer any more", host=self._host.name,
                    why=f"{'; '.join(silent.values())} (for {ANSWER_SECONDS:.0f} s; it answered before)",
                    next=f"vpsdeploy logs --service {next(iter(silent))}",
                )  # fmt: skip
            time.sleep(_PAUSE_SECONDS)
        return {name: {} for name in step.hosts}

    def _silent(self, context: Context) -> dict[str, str]:
        """Those that answered before and do not now, with why."""
        found = {one.kind: one for one in self._health_of_services(context)}
        gone = [kind for kind in self._answered if kind not in found or not found[kind].running]
        return {kind: found[kind].why if kind in found else "its host knows of none" for kind in gone}

    def _serving(self, step: Step) -> Answers:
        deadline = time.monotonic() + self._config.health.timeout_seconds
        while not http.reachable(self._target):
            if time.monotonic() > deadline:
                raise HostNotReady(
                    "the load balancer does not serve", host=self._host.name,
                    why=f"no good answer from {self._target.address}, port {self._target.port}, for "
                    f"{self._config.health.timeout_seconds:g} s; it answered before",
                    next=f"vpsdeploy status, and journalctl -u nginx on {self._host.name}",
                )  # fmt: skip
            time.sleep(_PAUSE_SECONDS)
        return {name: {} for name in step.hosts}

    def _so_far(self, transaction: Transaction) -> str:
        begun = transaction.begun
        if "reboot" in begun:
            return f"{self._host.name} has its updates and was restarted"
        return f"{self._host.name} may have its updates" if "upgrade" in begun else "nothing was upgraded"
