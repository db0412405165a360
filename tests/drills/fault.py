"""A fault as data: what goes wrong, when in which step, and what becomes of the release."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.drills.harms import Harm
from tests.drills.steps import Moment, Step


class Ends(Enum):
    """Which release the whole fleet is on when the command has ended and its hosts' timers have run out."""

    OLD = "the old release stays"
    NEW = "the new release is live"
    SPLIT = "one load balancer is on each release, both of them running, until the next command"


@dataclass(frozen=True)
class Fault:
    """One drill.

    Attributes:
        step: Where it strikes; None strikes at a fleet that nobody releases to.
        moment: When in the step.
        code: Exit code of the release; negative: the signal that killed it.
        app: What is released (a behaviour of tests/support/node_apps.py).
        then: The next command; {bundle} stands for a new good one.
        ci: Whether `make test` runs it too.
    """

    harm: Harm
    step: Step | None
    moment: Moment = Moment.START
    ends: Ends = Ends.OLD
    code: int = 0
    app: str = "good"
    then: tuple[str, ...] = ("release", "--bundle", "{bundle}")
    ci: bool = False

    @property
    def what(self) -> str:
        """What goes wrong."""
        return self.harm.name if self.app == "good" else f"a new release that {self.app}"

    @property
    def title(self) -> str:
        """The test's: what, at which step, when."""
        return f"{self.what}, {self.place}"

    @property
    def place(self) -> str:
        """Step and moment."""
        if self.step is None:
            return "no release" if self.app == "good" else "any"
        return f"{self.step.name.lower().replace('_', ' ')} {'midway' if self.moment is Moment.MIDWAY else ''}".strip()
