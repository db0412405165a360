"""vpsdeploy releases: what is kept on the hosts, and what differs between two of them."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption

_group = typer.Typer(invoke_without_command=True)

FromArgument = Annotated[str, typer.Argument(metavar="A", help="Release id, or how it begins.")]
ToArgument = Annotated[str, typer.Argument(metavar="[B]", help="Another; the live one, if not given.")]
NamesOption = Annotated[
    int, typer.Option("--names", metavar="N", min=0, max=10_000, help="Most files and packages to name.")
]


def register(app: typer.Typer) -> None:
    """Add `releases`."""
    app.add_typer(_group, name="releases")


@_group.callback()
def releases(
    context: typer.Context,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the releases that the hosts keep, newest first; or compare two of them.

    \b
    Examples:
      vpsdeploy releases
      vpsdeploy releases --stage production --json
      vpsdeploy releases diff 20260821
    """
    if context.invoked_subcommand:
        context.obj = (stage, project, as_json)
        return
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope
    from orchestrator.report import releases as report
    from orchestrator.workflows import releases as workflow

    seen = workflow.run(config, hosts, opener)
    shown = (seen.facts, seen.silent)
    typer.echo(envelope.result_line("releases", report.fields(*shown)) if as_json else report.text(*shown))


@_group.command()
def diff(
    context: typer.Context,
    a: FromArgument,
    b: ToArgument = "",
    names: NamesOption = 20,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what differs from release A to release B: settings, env, packages, files.

    Values of env variables never leave the host; digests of them are made with a key of this one answer.

    \b
    Examples:
      vpsdeploy releases diff 20260821                       to the live one
      vpsdeploy releases diff 2026082110 2026082115 --names 200
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    above = context.obj or (None, HERE, False)
    stage, as_json = stage or above[0], as_json or above[2]
    project = above[1] if project == HERE else project
    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import compare as report
    from orchestrator.report import envelope
    from orchestrator.workflows import compare as workflow

    answer = workflow.run(config, hosts, a, b, names, opener)
    shown = envelope.result_line("releases_diff", report.fields(answer)) if as_json else report.text(answer)
    typer.echo(shown)
