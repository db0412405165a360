"""vpsdeploy rollback: back to a kept release."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import (
    HERE,
    JsonOption,
    NoHooksOption,
    ProjectOption,
    StageOption,
    VerboseOption,
    WaitDrainOption,
    WaitOption,
)

ReleaseArgument = Annotated[
    str,
    typer.Argument(
        metavar="[RELEASE]", help="Release id, or how it begins; the one that was live before, if none."
    ),
]

WatchOption = Annotated[
    bool,
    typer.Option(
        "--watch/--no-watch", help="Watch the flip as a release does; else it is confirmed at once."
    ),
]


AcrossOption = Annotated[
    bool,
    typer.Option("--across-irreversible", help="Go back behind a migration that is marked irreversible."),
]


def register(app: typer.Typer) -> None:
    """Add `rollback`."""
    app.command("rollback")(rollback)


def rollback(
    release: ReleaseArgument = "",
    wait_drain: WaitDrainOption = False,
    across_irreversible: AcrossOption = False,
    wait: WaitOption = 0,
    no_hooks: NoHooksOption = False,
    watch: WatchOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a kept release live again, with the settings that it had. The database stays as it is.

    It is not watched unless you ask for it: it has served before, and a watch would compare it with the release that
    you want to leave.

    \b
    Examples:
      vpsdeploy rollback                     the release that was live before
      vpsdeploy rollback 20260821            the only kept release that begins so (vpsdeploy releases)
    """
    from orchestrator.config import load, watching
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = watching.asked(load(project), watch=watch), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope, reporter
    from orchestrator.report import release as report
    from orchestrator.workflows import rollback as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    wish = workflow.Wish(release, wait_drain, across_irreversible, wait, not no_hooks)
    changed = workflow.run(config, hosts, wish, told, opener)
    typer.echo(envelope.result_line("rollback", report.fields(changed)) if as_json else report.text(changed))
