"""Everybody who learns how a release or a rollback goes: receivers of notifications, and the hooks of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from orchestrator.errors import UsageError, VpsdeployError
from orchestrator.facts.fleet import FleetFacts
from orchestrator.model.news import Moment, News
from orchestrator.report.reporter import Reporter
from orchestrator.workflows import hooks
from orchestrator.workflows.fleet import Context
from orchestrator.workflows.notify import Notifier
from orchestrator.workflows.story import LIVE, RETURNED


class Audience:
    """Tells what the story of a command says so far.

    Attributes:
        facts: Of all hosts, once they are known: hooks of a failure may run on one.
    """

    def __init__(self, context: Context, reporter: Reporter) -> None:
        self._context, self._reporter = context, reporter
        self._notifier = Notifier(context.config, reporter)
        self.facts: FleetFacts | None = None

    def started(self, release: str, facts: FleetFacts) -> None:
        """The release has a name, and its hosts are known."""
        self.facts = facts
        story = self._context.story
        story.release, story.previous = release, facts.live
        self._tell("start")

    def succeeded(self) -> None:
        """Users see the release."""
        self._tell("success")

    def failed(self, error: VpsdeployError) -> None:
        """Users see what they saw before, or the error's state says what they see."""
        story = self._context.story
        if story.result == LIVE:  # what failed came after the change
            return self.succeeded()
        if not story.result:
            story.failed(error, flipped=False)
        self._tell("return" if story.result == RETURNED else "failure", error.state)
        return hooks.after_failure(self._context, self._reporter, error, self.facts)

    def finish(self) -> None:
        """Tell what hosts took back by themselves before this command, and wait for what is on its way."""
        for text in self._context.story.returns:
            self._tell("return", text)
        self._notifier.finish()

    def _tell(self, moment: Moment, state: str = "") -> None:
        story, context = self._context.story, self._context
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._notifier.tell(
            News(
                moment, context.config.app, context.stage.name, story.command, story.change, story.release,
                story.previous, context.owner.by, now, story.seconds, story.proof, story.error, state,
            )
        )  # fmt: skip


@contextmanager
def told(context: Context, reporter: Reporter, command: str) -> Iterator[Audience]:
    """Tell the end of a command, whatever it is, and give its story a name."""
    context.story.command = command
    audience = Audience(context, reporter)
    try:
        yield audience
        audience.succeeded()
    except UsageError:  # a mistyped release is no failed release
        raise
    except VpsdeployError as error:
        audience.failed(error)
        raise
    finally:
        audience.finish()
