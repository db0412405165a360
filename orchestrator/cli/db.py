"""vpsdeploy db: the app's databases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, VerboseOption

_group = typer.Typer(no_args_is_help=True, help="The app's databases on the stage's own hosts.")

ServiceArgument = Annotated[
    str,
    typer.Argument(metavar="SERVICE", help="Such as postgresql; may be left out where there is only one."),
]
ServiceOption = Annotated[
    str,
    typer.Option(
        "--service", metavar="SERVICE", help="postgresql, mariadb or mongodb, where the app has several."
    ),
]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="On this machine.")]
HostOption = Annotated[
    str, typer.Option("--host", metavar="HOST", help="Whose database, where vpsdeploy.yml does not say.")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(_group, name="db")


@_group.callback()
def _db() -> None:
    """Look into the app's databases."""


@_group.command()
def console(service: ServiceArgument = "", stage: StageOption = None, project: ProjectOption = HERE) -> None:
    """Open the database's own client (psql, mariadb) on its host, logged in as the app.

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


@_group.command()
def dump(
    file: FileArgument,
    service: ServiceOption = "",
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write the app's database to a file, in the format that every pg_restore, mariadb client or mongorestore reads.

    The file is for its owner's eyes only. Backups are another thing: vpsdeploy backup.

    \b
    Examples:
      vpsdeploy db dump shop.dump
      vpsdeploy db dump shop.sql --service mariadb
    """
    from orchestrator.config import load as load_config
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import db_file as report
    from orchestrator.report import envelope, reporter
    from orchestrator.workflows import db_file

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    hosts = load_stage(project, stage)
    name, size = db_file.dump(load_config(project), hosts, host, file, told, kind=service)
    fields = report.dumped_fields(hosts.name, name, file, size)
    typer.echo(envelope.result_line("db_dumped", fields) if as_json else report.dumped_text(name, file, size))


@_group.command()
def load(
    file: FileArgument,
    into: Annotated[
        str,
        typer.Option(
            "--into", metavar="NAME", help="Another database, which is made; the real one is left alone."
        ),
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that is in use, after a dump of it was kept.")
    ] = False,
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Load a dump (pg_dump --format=custom, mariadb-dump, mysqldump) into the app's database.

    It is loaded beside the real one first; only what is whole takes its place. MongoDB's is loaded on its host
    (docs/mongodb.md).

    \b
    Examples:
      vpsdeploy db load shop.dump
      vpsdeploy db load shop.dump --into shop_tried_out
    """
    from orchestrator.config import load as load_config
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import db_file as report
    from orchestrator.report import envelope, reporter
    from orchestrator.workflows import db_file

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    hosts = load_stage(project, stage)
    wish = {"into": into, "force": force}
    name, answer = db_file.load(load_config(project), hosts, host, file, wish, told)
    fields = report.loaded_fields(hosts.name, name, answer)
    typer.echo(envelope.result_line("db_loaded", fields) if as_json else report.loaded_text(name, answer))
