"""vpsdeploy db: the app's databases."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, ProjectOption, StageOption

_group = typer.Typer(no_args_is_help=True, help="The app's databases on the stage's own hosts.")

ServiceArgument = Annotated[
    str,
    typer.Argument(metavar="SERVICE", help="Such as postgresql; may be left out where there is only one."),
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(_group, name="db")


@_group.callback()
def _db() -> None:
    """Look into the app's databases."""


@_group.command()
def console(service: ServiceArgument = "", stage: StageOption = None, project: ProjectOption = HERE) -> None:
    """Open the database's own client (psql) on its host, logged in as the app.

    What you pipe into it is carried out. Nothing that is typed is kept. The exit code is the client's.

    \b
    Examples:
      vpsdeploy db console
      echo 'SELECT count(*) FROM orders' | vpsdeploy db console
      vpsdeploy db console postgresql --stage production
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import db

    raise typer.Exit(db.console(load(project), load_stage(project, stage), service))
