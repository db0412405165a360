"""vpsdeploy release: build the project and make it live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import (
    HERE,
    JsonOption,
    NoHooksOption,
    NoWatchOption,
    ProjectOption,
    StageOption,
    VerboseOption,
    WaitDrainOption,
    WaitOption,
)

BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle", metavar="FILE", help="Release this bundle (vpsdeploy build) instead of building."
    ),
]
SkipMigrateOption = Annotated[
    bool,
    typer.Option("--skip-migrate", help="Leave the database as it is: you have migrated it by other means."),
]
CanaryOption = Annotated[
    str,
    typer.Option(
        "--canary",
        metavar="SHARES",
        help="Shares of the requests one after another, each watched: 5,25,100 (percent).",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the steps; change nothing.")]


def register(app: typer.Typer) -> None:
    """Add `release`."""
    app.command("release")(release)


def release(
    bundle: BundleOption = None,
    dry_run: DryRunOption = False,
    canary: CanaryOption = "",
    no_watch: NoWatchOption = False,
    wait_drain: WaitDrainOption = False,
    skip_migrate: SkipMigrateOption = False,
    wait: WaitOption = 0,
    no_hooks: NoHooksOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the project and make it live without dropping a request.

    If anything fails before the flip, users notice nothing; after it, every host is flipped back: also where the
    release does worse under its users' requests than the one before (docs/watch.md).

    \b
    Examples:
      vpsdeploy release
      vpsdeploy release --dry-run                      print the steps, change nothing
      vpsdeploy release --canary 5,25,100              a part of the requests first, each part watched
      vpsdeploy release --bundle shop.bundle --stage production
      vpsdeploy release --wait 300                     queue behind a release that is running
    """
    from orchestrator.config import load, watching
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config = watching.asked(load(project), watch=not no_watch, canary=canary)
    hosts = load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope, reporter
    from orchestrator.report import release as report
    from orchestrator.workflows import release as workflow

    wish = workflow.Wish(bundle, wait_drain, skip_migrate, wait, not no_hooks)
    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    if dry_run:
        plan = workflow.dry_run(config, hosts, wish, told, opener)
        shown = report.plan_fields(plan.release, plan.steps)
        typer.echo(envelope.result_line("release_plan", shown) if as_json else report.plan_text(plan.steps))
        return
    changed = workflow.run(config, hosts, wish, told, opener)
    typer.echo(envelope.result_line("release", report.fields(changed)) if as_json else report.text(changed))
