"""vpsdeploy maintenance on | off | status: 503 instead of the app, without a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption
from orchestrator.model.maintenance import DEFAULT_MESSAGE, RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from orchestrator.workflows.maintenance import Seen

_group = typer.Typer(
    no_args_is_help=True, help="Answer 503 instead of the app, for everybody but some addresses."
)

MessageOption = Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="What users are told.")]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", metavar="IP", help="Address or IPv4 network that reaches the app; may be given again."
    ),
]
RetryAfterOption = Annotated[
    int, typer.Option("--retry-after", metavar="SECONDS", help="When clients are told to come back.")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(_group, name="maintenance")


@_group.command()
def on(
    message: MessageOption = DEFAULT_MESSAGE,
    allow: AllowOption = None,
    retry_after: RetryAfterOption = RETRY_AFTER_SECONDS,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Turn maintenance on, on all load balancers or on none; if it is on, with this message and these addresses.

    nginx is not reloaded. Releases go on working. Connections that are open stay.

    \b
    Examples:
      vpsdeploy maintenance on --message "Back at 14:00 UTC" --retry-after 1800
      vpsdeploy maintenance on --allow 203.0.113.7 --allow 2001:db8::7
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import maintenance

    config, hosts = load(project), load_stage(project, stage)
    seen = maintenance.turn_on(config, hosts, message, tuple(allow or ()), retry_after)
    _show(seen, as_json, asked=True)


@_group.command()
def off(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Serve the app again, on all load balancers.

    \b
    Examples:
      vpsdeploy maintenance off
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import maintenance

    _show(maintenance.turn_off(load(project), load_stage(project, stage)), as_json, asked=True)


@_group.command()
def status(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show whether it is on, since when, by whom, and who is let through.

    \b
    Examples:
      vpsdeploy maintenance status
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import maintenance

    _show(maintenance.look(load(project), load_stage(project, stage)), as_json, asked=False)


def _show(seen: Seen, as_json: bool, *, asked: bool) -> None:
    from orchestrator.report import envelope
    from orchestrator.report import maintenance as report

    if as_json:
        shown = report.fields(seen.stage, seen.balancers, changed=seen.changed)
        typer.echo(envelope.result_line("maintenance", shown))
    else:
        typer.echo(report.text(seen.balancers, changed=seen.changed, asked=asked))
