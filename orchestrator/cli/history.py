"""vpsdeploy history: who changed what, and how it ended."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption

LinesOption = Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="Newest changes to show.")]
HostOption = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="HOST", help="Only what this host knows; may be repeated."),
]


def register(app: typer.Typer) -> None:
    """Add `history`."""
    app.command("history")(history)


def history(
    lines: LinesOption = 20,
    host: HostOption = None,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Tell who changed the app, from what to what, how it ended and with which figures, newest first.

    Failures, locks and flips that a host took back by itself are part of it.

    \b
    Examples:
      vpsdeploy history
      vpsdeploy history --lines 100 --json               with every line that the hosts wrote
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope
    from orchestrator.report import history as report
    from orchestrator.workflows import history as workflow

    config, hosts = load(project), load_stage(project, stage)
    told = workflow.run(config, hosts, lines, tuple(host or ()))
    fields = report.fields(told.app, told.stage, told.changes, told.missing)
    shown = report.text(told.changes, told.missing)
    typer.echo(envelope.result_line("history", fields) if as_json else shown)
