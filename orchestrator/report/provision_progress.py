"""What is seen while hosts are provisioned: a table on a terminal, lines elsewhere, JSON lines on request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, Self

from orchestrator.model.provision import HostProgress, Output, TaskEnded, TaskStatus
from orchestrator.report import envelope

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

_SILENT = (TaskStatus.OK, TaskStatus.SKIPPED)


class Progress(Protocol):
    """Whoever watches a run; a context manager for the time of the run."""

    def __enter__(self) -> Self:
        """The run begins."""

    def __exit__(self, *exc: object) -> None:
        """The run is over, well or not."""

    def host(self, progress: HostProgress, ended: TaskEnded | None) -> None:
        """A host has begun a task, or has ended the one given."""

    def output(self, output: Output) -> None:
        """Ansible says something that belongs to no task."""


class Lines:
    """Lines on standard error: what changed or failed; with verbose, every task and Ansible's own text."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return

    def host(self, progress: HostProgress, ended: TaskEnded | None) -> None:
        """One line a task; a task that changed nothing only when verbose."""
        if ended and (self._verbose or ended.status not in _SILENT):
            _say(
                f"{progress.name}  {position(progress)}  {ended.task}: {ended.status}  {ended.seconds:.1f} s"
            )

    def output(self, output: Output) -> None:
        """Shown when verbose only; an error is told at the end in any case."""
        if self._verbose:
            _say(output.text)


class JsonLines:
    """JSON lines on standard output, kind "task", before the result."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return

    def host(self, progress: HostProgress, ended: TaskEnded | None) -> None:
        """One line for each task that has ended."""
        if ended:
            _event("task", {
                "host": progress.name, "task": ended.task, "status": ended.status.value, "n": progress.n,
                "of": progress.of, "changed": progress.changed, "failed": progress.failed,
                "seconds": round(ended.seconds, 3), "module_calls": ended.module_calls,
            })  # fmt: skip

    def output(self, output: Output) -> None:
        """Ansible's text is for people."""


class LiveTable:
    """One row a host, redrawn in place on a terminal's standard error."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._rows = {name: HostProgress(name) for name in hosts}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console  # late: costs 0.1 s
        from rich.live import Live

        self._live = Live(
            get_renderable=self._table, console=Console(stderr=True), transient=True, refresh_per_second=8
        )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live:
            self._live.stop()

    def host(self, progress: HostProgress, ended: TaskEnded | None) -> None:
        """Shown at the next redraw; a failure stays above the table."""
        self._rows[progress.name] = progress
        # Only now: the redrawing thread must not run yet when Ansible is forked off.
        if self._live and not self._live.is_started:
            self._live.start()
        if ended and ended.failure and self._live:
            self._live.console.print(_failed(f"{progress.name}: {ended.task}: {ended.status}"))

    def output(self, output: Output) -> None:
        """Not shown here: --verbose prints lines instead of a table."""

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for heading in ("host", "task", "", "changed", "failed"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=len(heading))
        for row in self._rows.values():
            counts = (
                Text(str(row.changed), "yellow" if row.changed else ""),
                Text(str(row.failed), "red" if row.failed else ""),
            )
            table.add_row(Text(row.name), Text(position(row)), Text(row.task), *counts)
        return table


def choose(hosts: tuple[str, ...], *, as_json: bool, verbose: bool) -> Progress:
    """The form that fits who is watching."""
    if as_json:
        return JsonLines()
    return LiveTable(hosts) if sys.stderr.isatty() and not verbose else Lines(verbose=verbose)


def position(progress: HostProgress) -> str:
    """Say "7 of 21"; without the total where it is unknown, never beyond it (tasks included at run time)."""
    return f"{progress.n} of {max(progress.n, progress.of)}" if progress.of else str(progress.n)


def _failed(text: str) -> Text:
    from rich.text import Text

    return Text(text, "red")


def _event(kind: str, fields: dict[str, Any]) -> None:
    sys.stdout.write(envelope.event_line(kind, fields) + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
