"""Every fault that is drilled. docs/drills.md is made from this (`python -m tests.drills.document`)."""

from __future__ import annotations

import signal

from tests.drills.fault import Ends, Fault
from tests.drills.fleet import STATE
from tests.drills.harms import AgentKilled, Cut, Harm, Killed, Rival, Skewed
from tests.drills.host_harms import Blinded, Corrupted, Full, InstanceKilled, PowerCut, Rebooted, Stopped
from tests.drills.steps import Moment, Step

_UNREACHABLE, _NOT_READY, _FAILED, _INTERRUPTED = 5, 6, 8, 130
_STAYS = (Step.DRAIN, Step.PRUNE, Step.UNLOCK)
"""Behind the last confirm the release stands."""

_ROLLBACK = ("rollback",)


def _ends(step: Step) -> Ends:
    return Ends.NEW if step in _STAYS else Ends.OLD


def _killed() -> list[Fault]:
    """kill -9 of the controller at every step, and in its middle."""
    code = -signal.SIGKILL
    split = {(Step.CONFIRM, Moment.MIDWAY): Ends.SPLIT}
    quick = {(Step.FLIP, Moment.START), (Step.DRAIN, Moment.START)}
    return [
        Fault(Killed(), step, moment, split.get((step, moment), _ends(step)), code, ci=(step, moment) in quick)
        for step in Step for moment in Moment
    ]  # fmt: skip


def _cut() -> list[Fault]:
    """The controller's network: gone at every step; gone for a moment; gone to one host only; gone one way."""
    everywhere = [
        Fault(Cut(), step, ends=_ends(step), code=0 if step in _STAYS else _UNREACHABLE) for step in Step
    ]
    blips = [
        Fault(Cut(seconds=5), step, ends=Ends.NEW, ci=step is Step.FLIP)
        for step in (Step.SEND, Step.FLIP, Step.CONFIRM)
    ]
    to_one = [
        Fault(Cut(("lb-2",)), Step.FLIP, Moment.START, code=_UNREACHABLE),
        Fault(Cut(("lb-2",)), Step.CONFIRM, Moment.START, code=_UNREACHABLE),
        Fault(Cut(("web-2",)), Step.GATE, code=_UNREACHABLE),
        Fault(Cut(("web-2",)), Step.CONFIRM_APPS, code=_UNREACHABLE),
    ]
    unheard = [
        Fault(Cut(("lb-2",), answers_only=True), Step.FLIP, code=_UNREACHABLE),
        Fault(Cut(("lb-2",), answers_only=True), Step.CONFIRM, ends=Ends.SPLIT, code=_UNREACHABLE),
        Fault(Cut(("web-2",), answers_only=True), Step.START, code=_UNREACHABLE),
        Fault(Cut(("web-2",), answers_only=True), Step.CONFIRM_APPS, code=_UNREACHABLE),
    ]
    return [*everywhere, *blips, *to_one, *unheard]


def _interrupted() -> list[Fault]:
    """Ctrl-C and SIGTERM where half the fleet has heard."""
    return [
        Fault(Killed(number), step, Moment.MIDWAY, code=_INTERRUPTED, then=_ROLLBACK, ci=step is Step.FLIP)
        for number, step in ((signal.SIGINT, Step.FLIP), (signal.SIGTERM, Step.CONFIRM))
    ]


def _agents() -> list[Fault]:
    """The agent dies under its controller."""
    apps = (Step.SEND, Step.ASSEMBLE, Step.START, Step.GATE, Step.CONFIRM_APPS, Step.DRAIN)
    return [
        *(Fault(AgentKilled("web-2"), step, ends=Ends.NEW, ci=step is Step.START) for step in apps),
        *(Fault(AgentKilled("lb-2"), step, ends=Ends.NEW) for step in (Step.LOCK, Step.FLIP, Step.CONFIRM)),
    ]


def _power() -> list[Fault]:
    """Hosts without power; and hosts that come back at once."""
    app = (Step.LOCK, Step.SEND, Step.START, Step.GATE, Step.FLIP, Step.CONFIRM_APPS)
    balancer = (Step.LOCK, Step.GATE, Step.FLIP, Step.CONFIRM_APPS, Step.CONFIRM)
    return [
        *(Fault(PowerCut("web-2"), step, code=_UNREACHABLE) for step in app),
        Fault(PowerCut("web-2"), Step.CONFIRM, ends=Ends.NEW),
        Fault(PowerCut("web-2"), Step.DRAIN, ends=Ends.NEW),
        *(Fault(PowerCut("lb-2"), step, code=_UNREACHABLE) for step in balancer),
        Fault(PowerCut("lb-2"), Step.FLIP, Moment.MIDWAY, code=_UNREACHABLE),
        Fault(PowerCut("lb-2"), Step.CONFIRM, Moment.MIDWAY, code=_UNREACHABLE),
        Fault(PowerCut("lb-2"), Step.DRAIN, ends=Ends.NEW),
        Fault(PowerCut("web-2"), None),
        Fault(PowerCut("lb-2"), None),
        Fault(Rebooted("web-2"), None),
        Fault(Rebooted("lb-2"), None),
        Fault(Rebooted("web-2"), Step.START, Moment.MIDWAY, code=_UNREACHABLE),
        Fault(Rebooted("web-2"), Step.FLIP, Moment.MIDWAY, code=_UNREACHABLE),
        Fault(Rebooted("lb-1"), Step.FLIP, Moment.MIDWAY, code=_UNREACHABLE),
        Fault(Rebooted("lb-2"), Step.CONFIRM_APPS, code=_UNREACHABLE),
        Fault(Rebooted("lb-2"), Step.CONFIRM, Moment.MIDWAY, code=_UNREACHABLE),
        Fault(Rebooted("web-2"), Step.DRAIN, Moment.MIDWAY, ends=Ends.NEW),
        Fault(Rebooted("lb-2"), Step.DRAIN, ends=Ends.NEW),
    ]


def _hosts() -> list[Fault]:
    """What goes wrong on a host that stays up."""
    return [
        *(Fault(Stopped("web-2", "ssh"), step, ends=Ends.NEW) for step in (Step.SEND, Step.CONFIRM_APPS)),
        *(
            Fault(Stopped("lb-2", "ssh"), step, ends=Ends.NEW, ci=step is Step.FLIP)
            for step in (Step.FLIP, Step.CONFIRM)
        ),
        Fault(Stopped("lb-2", "nginx"), None),
        *(
            Fault(Stopped("lb-2", "nginx"), step, ends=Ends.NEW, ci=step is Step.FLIP)
            for step in (Step.LOCK, Step.FLIP, Step.CONFIRM, Step.DRAIN)
        ),
        Fault(Full("web-2", "/srv/shop", "the store"), Step.SEND, code=_NOT_READY),
        Fault(Full("web-2", "/srv/shop", "the release"), Step.ASSEMBLE, code=_NOT_READY),
        Fault(Full("web-2", "/srv/shop", "the slots"), Step.START, code=_NOT_READY),
        Fault(Full("web-2", STATE, "var"), Step.START, code=_NOT_READY),
        Fault(Full("web-2", STATE, "var"), Step.CONFIRM_APPS, ends=Ends.NEW),
        Fault(Full("lb-2", STATE, "var"), Step.LOCK, code=_NOT_READY),
        Fault(Full("lb-2", STATE, "var"), Step.FLIP, code=_NOT_READY),
        Fault(Full("lb-2", STATE, "var"), Step.CONFIRM, ends=Ends.NEW),
        Fault(Corrupted("web-2"), Step.OFFER, ends=Ends.NEW),
        Fault(Corrupted("web-2"), Step.ASSEMBLE, ends=Ends.NEW),
        Fault(Blinded(), Step.LOCK, ends=Ends.NEW),
        Fault(InstanceKilled("web-2", new=False), None),
        Fault(InstanceKilled("web-2", new=True), Step.GATE, code=_FAILED),
        Fault(InstanceKilled("web-2", new=False), Step.FLIP, ends=Ends.NEW),
        Fault(Rival(), Step.OFFER, ends=Ends.NEW),
        Fault(Rival(), Step.GATE, ends=Ends.NEW),
        Fault(Rival(), Step.FLIP, Moment.MIDWAY, ends=Ends.NEW),
        Fault(Skewed(3600), Step.LOCK, ends=Ends.NEW),
        Fault(Skewed(-3600), Step.LOCK, ends=Ends.NEW, then=_ROLLBACK),
    ]


def _releases() -> list[Fault]:
    """What is bad is the new release."""
    before = ("crashes at boot on web-2", "runs out of memory at boot", "hangs", "never listens")
    return [
        *(Fault(Harm(), None, code=_FAILED, app=app) for app in before),
        Fault(Harm(), None, ends=Ends.NEW, app="boots slowly"),
        Fault(Harm(), None, ends=Ends.NEW, app="ignores SIGTERM"),
    ]


FAULTS = (*_killed(), *_cut(), *_interrupted(), *_agents(), *_power(), *_hosts(), *_releases())
