"""vpsdeploy cron list | run: the app's cron entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption

if TYPE_CHECKING:
    from orchestrator.model.log import LogLine

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The entry, as in vpsdeploy.yml.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Show what it writes while it runs.")]

group = typer.Typer(no_args_is_help=True, help="The app's cron entries: when they run, and how they ended.")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="cron")


@group.command("list")
def list_(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show each entry: host, schedule, next run, last start, how long it took, how it ended.

    \b
    Examples:
      vpsdeploy cron list
      vpsdeploy logs --cron nightly --since yesterday      what one of them wrote
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope
    from orchestrator.report import jobs as report
    from orchestrator.workflows import jobs as workflow

    facts = workflow.run(config, hosts, opener).facts
    typer.echo(
        envelope.result_line("cron", report.cron_fields(facts)) if as_json else report.cron_text(facts)
    )


@group.command("run")
def run(
    name: NameArgument,
    follow: FollowOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Run an entry now, on the host that runs it, with the live release; wait until it has ended.

    The exit code is the entry's own. It goes on to its end if this command is interrupted.

    \b
    Examples:
      vpsdeploy cron run nightly
      vpsdeploy cron run nightly --follow
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope, logs
    from orchestrator.report import jobs as report
    from orchestrator.workflows import jobs as workflow

    def told(line: LogLine) -> None:
        typer.echo(envelope.event_line("log", logs.fields(line)) if as_json else line.text)

    ended = workflow.run_now(load(project), load_stage(project, stage), name, told if follow else None)
    typer.echo(
        envelope.result_line("cron_run", report.run_fields(ended)) if as_json else report.run_text(ended),
        err=not as_json,
    )
    raise typer.Exit(ended.exit_status)
