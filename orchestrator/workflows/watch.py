"""Looking at a new release under the traffic of its users, before it is confirmed.

Once a second every load balancer is asked what each pool did with its requests, every app host how its new instances
are, and the probe whether the public route answers; `plan/judge.py` says what that means. What is clearly bad ends the
watch at once, as an error: the change is undone as any other failed step is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from orchestrator.errors import ReleaseFailed
from orchestrator.facts import traffic
from orchestrator.facts.traffic import Groups, Traffic
from orchestrator.model.pool import Colour
from orchestrator.model.step import Step
from orchestrator.model.traffic import Compared, Look, Seen, Watched
from orchestrator.plan import judge
from orchestrator.transport import http
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.parallel import each
from orchestrator.workflows.transaction import Answers

POLL_SECONDS = 1.0
"""Between two looks."""

HOLD_SECONDS = 15.0
"""Between two renewals of the load balancers' timers: a quarter of what they are armed for."""

LOOK_BACK_SECONDS = 600
"""How far back the old pool's requests are read: older ones tell another time of the day (our choice)."""

WARM_UP_SECONDS = 3.0
"""A new process compiles and connects at first: latency is judged after this time, or a third of the watch."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one host said in one look."""

    traffic: Traffic | None = None
    looks: tuple[Look, ...] = ()


class Watch:
    """The watches of one release: one for each share of a canary, and one after the flip.

    Args:
        context: The hosts, with our locks.
        probe: The controller's own requests.
    """

    def __init__(self, context: Context, probe: http.Probe) -> None:
        self._context, self._probe = context, probe
        self._marks: dict[str, dict[str, int]] = {}
        self._before = self._after = self._warm = Groups()
        self._looks: tuple[Look, ...] = ()
        self._seconds = 0.0
        self._shares: list[int] = []
        self._places = {host.private_address or host.address: host.name for host in context.stage.app_hosts}

    @property
    def result(self) -> Watched | None:
        """What all watches saw; None where there was none."""
        return Watched(self._seconds, tuple(self._shares), self._seen()) if self._shares else None

    def run(self, step: Step) -> Answers:
        """Watch for the time of a step.

        Raises: ReleaseFailed: as soon as the new release is clearly worse, with what was measured.
        """
        limit = float(step.request["seconds"])
        self._after = self._warm = Groups()
        self._shares.append(int(step.request["share"]))
        begin = held = time.monotonic()
        try:
            while True:
                gone = time.monotonic() - begin
                time.sleep(max(0.0, min(POLL_SECONDS, limit - gone)))
                self._look(step, is_warm=gone >= min(WARM_UP_SECONDS, limit / 3))
                self._judge(step)
                if time.monotonic() - begin >= limit and not judge.is_in_doubt(self._seen()):
                    return {host: {"seen": self._summary()} for host in step.hosts}
                if time.monotonic() - held >= HOLD_SECONDS:
                    self._hold(step)
                    held = time.monotonic()
        finally:
            self._seconds += time.monotonic() - begin

    def _summary(self) -> str:
        """In a few words, for progress."""
        users, probe = self._after.users, self._after.probe
        return ", ".join(
            f"{tally.failed} of {tally.requests} requests of {who} failed"
            for who, tally in (("users", users), ("the probe", probe))
        )

    def _look(self, step: Step, *, is_warm: bool) -> None:
        answers = each(step.hosts, lambda host: self._ask(host, step)).or_raise()
        self._looks = tuple(self._aged(look) for one in answers.values() for look in one.looks)
        colour = Colour(step.request["colour"])
        for host, answer in answers.items():
            if answer.traffic:
                self._add(host, answer.traffic, colour, is_warm=is_warm)

    def _ask(self, host: str, step: Step) -> _Answer:
        """One after the other where a host is both: the agent has one session."""
        place = next(one for one in self._context.stage.hosts if one.name == host)
        seen: Traffic | None = None
        looks: tuple[Look, ...] = ()
        if place.is_loadbalancer:
            request = {"look_back_seconds": LOOK_BACK_SECONDS, "mark": self._marks.get(host)}
            answer = self._context.call(host, "traffic", request)
            names = {**self._places, "127.0.0.1": host}
            seen = traffic.parse(host, answer, self._context.config.app, names)
        if place.is_app:
            pool = {key: step.request[key] for key in ("colour", "path")}
            looks = traffic.parse_looks(host, self._context.call(host, "instances", pool))
        return _Answer(seen, looks)

    def _add(self, host: str, seen: Traffic, colour: Colour, *, is_warm: bool) -> None:
        if seen.pending != colour:
            why = f"{host} sends all requests to {colour.other} again: its timer ran out, or somebody undid the flip"
            raise ReleaseFailed("the flip was taken back during the watch", host=host, why=why)
        self._marks[host] = seen.mark
        nothing = Groups()
        self._before += seen.before.get(colour.other, nothing) + seen.after.get(colour.other, nothing)
        self._after += seen.after.get(colour, nothing)
        if is_warm:
            self._warm += seen.after.get(colour, nothing)

    def _aged(self, look: Look) -> Look:
        """With the number of looks for which it has been unhealthy."""
        earlier = next((one for one in self._looks if (one.host, one.name) == (look.host, look.name)), None)
        return replace(look, looks=look.looks + earlier.looks) if earlier and look.looks else look

    def _judge(self, step: Step) -> None:
        reasons = judge.reasons(self._seen())
        if not reasons:
            return
        raise ReleaseFailed(
            f"the new release does worse than the one before, at {step.request['share']} % of the requests",
            host=next((reason.host for reason in reasons if reason.host), ""),
            why="\n".join(reason.text for reason in reasons),
        )

    def _hold(self, step: Step) -> None:
        """Renew the timers. Raises: ReleaseFailed: one had run out."""
        balancers = [host.name for host in self._context.stage.loadbalancers]
        request = {key: step.request[key] for key in ("colour", "confirm_seconds")}
        each(balancers, lambda host: self._context.call(host, "hold", request)).or_raise()

    def _seen(self) -> Seen:
        return Seen(
            Compared(self._before.users, self._after.users, self._warm.users),
            Compared(self._before.probe, self._after.probe, self._warm.probe),
            self._looks, self._probe.silent_seconds(),
        )  # fmt: skip
