"""vpsdeploy tls status | renew: the certificates of the load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption

if TYPE_CHECKING:
    from orchestrator.workflows.tls import Seen

_group = typer.Typer(no_args_is_help=True, help="The certificates of the load balancers.")

ForceOption = Annotated[
    bool,
    typer.Option(
        "--force", help="Also where the certificate is not due: an authority counts how often it is asked."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(_group, name="tls")


@_group.command()
def status(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show each load balancer's certificate: names, issuer, end, and what the last try came to.

    \b
    Examples:
      vpsdeploy tls status
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import tls

    _show(tls.look(load(project), load_stage(project, stage)), as_json, asked=False)


@_group.command()
def renew(
    force: ForceOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Ask for the certificate now where it is missing, due, or for other names; the hosts do so by themselves, too.

    \b
    Examples:
      vpsdeploy tls renew
      vpsdeploy tls renew --force
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import tls

    _show(tls.renew(load(project), load_stage(project, stage), force=force), as_json, asked=True)


def _show(seen: Seen, as_json: bool, *, asked: bool) -> None:
    from orchestrator.report import envelope
    from orchestrator.report import tls as report

    if as_json:
        shown = report.fields(seen.stage, seen.balancers, changed=seen.changed)
        typer.echo(envelope.result_line("tls", shown))
    else:
        changed = seen.changed if asked else None
        typer.echo(report.text(seen.balancers, changed=changed))
