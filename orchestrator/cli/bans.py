"""vpsdeploy bans list | lift | add: who is kept out of the hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption
from orchestrator.model.ban import DEFAULT_FOR

_group = typer.Typer(no_args_is_help=True, help="Show, lift and add bans, on all hosts of a stage.")

AddressArgument = Annotated[
    str,
    typer.Argument(metavar="ADDRESS", help="An address, or a network; an IPv6 address stands for its /64."),
]
ForOption = Annotated[
    str, typer.Option("--for", metavar="TIME", help="How long: 30m, 12h, 7d, 4w; ever: until it is lifted.")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(_group, name="bans")


@_group.command("list")
def list_(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show who is kept out, why, until when, and where.

    The reason is fail2ban's jail (sshd, nginx-limit-req, ...), or who added the ban. What one load balancer bans, the
    others drop within seconds.

    \b
    Examples:
      vpsdeploy bans list
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import bans as report
    from orchestrator.report import envelope
    from orchestrator.workflows import bans

    seen = bans.look(load(project), load_stage(project, stage))
    typer.echo(
        envelope.result_line("bans", report.fields(seen)) if as_json else report.text(seen, report.now())
    )


@_group.command()
def lift(
    address: AddressArgument,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let a client in again, on every host, whatever banned it.

    It is not forgotten: if it goes on, it is banned again, for longer. Who must never be banned belongs into
    trusted_addresses in vpsdeploy.yml.

    \b
    Examples:
      vpsdeploy bans lift 203.0.113.7
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import bans as report
    from orchestrator.report import envelope
    from orchestrator.workflows import bans

    seen = bans.lift(load(project), load_stage(project, stage), address)
    fields = report.fields(seen)
    typer.echo(envelope.result_line("bans_lifted", fields) if as_json else report.lifted_text(seen, address))


@_group.command()
def add(
    address: AddressArgument,
    length: ForOption = DEFAULT_FOR,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Keep a client out of every host, on all ports, from its next packet on.

    Refused for the fleet's own addresses, for trusted_addresses, and for where somebody with a key came from lately.

    \b
    Examples:
      vpsdeploy bans add 203.0.113.7
      vpsdeploy bans add 2001:db8:1:2::/64 --for 4w
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import bans as report
    from orchestrator.report import envelope
    from orchestrator.workflows import bans

    seen = bans.add(load(project), load_stage(project, stage), address, length)
    fields = report.fields(seen)
    typer.echo(
        envelope.result_line("bans_added", fields) if as_json else report.added_text(seen, report.now())
    )
