"""vpsdeploy exec: a one-off command as the app."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, ProjectOption, StageOption

CommandArgument = Annotated[
    list[str], typer.Argument(metavar="COMMAND...", help="Program and arguments, after --.")
]
HostOption = Annotated[
    str, typer.Option("--host", metavar="HOST", help="Where; the first app host if not given.")
]


def register(app: typer.Typer) -> None:
    """Add `exec`."""
    app.command("exec")(exec_)


def exec_(
    command: CommandArgument, host: HostOption = "", stage: StageOption = None, project: ProjectOption = HERE
) -> None:
    """Run a command in the live release's directory, as the app's user, with its env, sandbox and limits.

    The exit code is the command's. In a terminal the command gets one too.

    \b
    Examples:
      vpsdeploy exec -- node --version
      vpsdeploy exec --host web-2 -- node dist/scripts/seed.js
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import exec_ as workflow

    raise typer.Exit(workflow.run(load(project), load_stage(project, stage), host, tuple(command)))
