"""vpsdeploy init: a first configuration for a NestJS project."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption

HostOption = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address of your server; default: a placeholder.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Overwrite vpsdeploy.yml, and with --host also the inventory.")
]


def register(app: typer.Typer) -> None:
    """Add `init`."""
    app.command("init")(init)


def init(
    host: HostOption = "",
    force: ForceOption = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Look at a NestJS project and write vpsdeploy.yml and a first inventory.

    \b
    Examples:
      vpsdeploy init                       with a placeholder for the server's address
      vpsdeploy init --host 203.0.113.10   with your server's address
    """
    from orchestrator.report import envelope
    from orchestrator.report import init as report
    from orchestrator.workflows import init as workflow

    started = workflow.run(project.absolute(), host, force)
    typer.echo(envelope.result_line("init", report.fields(started)) if as_json else report.text(started))
