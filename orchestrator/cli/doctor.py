"""vpsdeploy doctor: what is missing, and what to type."""

from __future__ import annotations

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption


def register(app: typer.Typer) -> None:
    """Add `doctor`."""
    app.command("doctor")(doctor)


def doctor(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Check this machine, the config, the project and each host; every finding says what to type.

    The exit code is 6 where a finding is an error.

    \b
    Examples:
      vpsdeploy doctor
      vpsdeploy doctor --stage production --json
    """
    from orchestrator.errors import HostNotReady
    from orchestrator.report import doctor as report
    from orchestrator.report import envelope
    from orchestrator.workflows import doctor as workflow

    found = workflow.run(project.absolute(), stage)
    typer.echo(envelope.result_line("doctor", report.fields(found)) if as_json else report.text(found))
    if workflow.has_errors(found):
        raise typer.Exit(HostNotReady.exit_code)
