"""vpsdeploy sandbox up | status | down: local VPSes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from orchestrator.model.sandbox import SandboxStatus

NameOption = Annotated[
    str, typer.Option("--name", help="The sandbox and its stage; several stand side by side.")
]
NAME = "sandbox"

group = typer.Typer(
    no_args_is_help=True, help="Local VPSes to try everything on: Debian hosts with systemd and sshd."
)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="sandbox")


@group.command()
def up(
    hosts: Annotated[int | None, typer.Option(help="App hosts [default: 1, or what there is].")] = None,
    loadbalancers: Annotated[
        int | None, typer.Option(help="Hosts of their own for nginx [default: 0: the first app host is it].")
    ] = None,
    debian: Annotated[int | None, typer.Option(help="12 or 13 [default: 13, or what there is].")] = None,
    remove_extra: Annotated[bool, typer.Option(help="Remove hosts beyond the numbers asked for.")] = False,
    name: NameOption = NAME,
    project: ProjectOption = HERE,
    json: JsonOption = False,
) -> None:
    """Boot local VPSes and write their stage; what is there already is kept.

    \b
    Examples:
      vpsdeploy sandbox up
      vpsdeploy sandbox up --hosts 3 --loadbalancers 2 --debian 12
    """
    from orchestrator.sandbox.spec import SandboxSpec
    from orchestrator.workflows import sandbox

    spec = SandboxSpec(name, hosts, loadbalancers, debian, remove_extra)
    _show(sandbox.up(spec, project, _progress), json)


@group.command()
def status(name: NameOption = NAME, json: JsonOption = False) -> None:
    """Show a sandbox's hosts.

    \b
    Examples:
      vpsdeploy sandbox status
    """
    from orchestrator.workflows import sandbox

    _show(sandbox.status(name), json)


@group.command()
def down(
    name: NameOption = NAME,
    everything: Annotated[bool, typer.Option("--all", help="Every sandbox, and the cached images.")] = False,
    project: ProjectOption = HERE,  # noqa: ARG001 - the same options on every command; a sandbox knows its own project
    json: JsonOption = False,
) -> None:
    """Remove a sandbox with everything that was made for it, and nothing else.

    \b
    Examples:
      vpsdeploy sandbox down
      vpsdeploy sandbox down --all
    """
    from orchestrator.report.envelope import result_line
    from orchestrator.workflows import sandbox

    removed = sandbox.down(name, everything=everything, progress=_progress)
    what = "every sandbox" if everything else f"sandbox {name}"
    typer.echo(
        result_line("sandbox_down", {"name": name, "all": everything, "removed": removed})
        if json
        else (f"{what} removed" if removed else f"{what}: there was nothing to remove")
    )


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _show(found: SandboxStatus, json: bool) -> None:
    from orchestrator.report import sandbox
    from orchestrator.report.envelope import result_line

    typer.echo(result_line("sandbox", sandbox.fields(found)) if json else sandbox.text(found))
