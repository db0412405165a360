"""vpsdeploy lock, unlock: keep everybody from changing the app."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, WaitOption

MessageOption = Annotated[
    str, typer.Option("--message", "-m", metavar="TEXT", help="Why: shown to everybody who wants to release.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="End another person's lock too, or that of a release that hangs.")
]


def register(app: typer.Typer) -> None:
    """Add `lock` and `unlock`."""
    app.command("lock")(lock)
    app.command("unlock")(unlock)


def lock(
    message: MessageOption,
    wait: WaitOption = 0,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let nobody release, roll back or otherwise change the app, until `vpsdeploy unlock`.

    The lock is on every host or on none; it outlives this command and a reboot. Locking again changes the message.

    \b
    Examples:
      vpsdeploy lock --message "database maintenance until 18:00"
      vpsdeploy lock -m "freeze" --wait 300              once the release that is running has ended
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope, reporter
    from orchestrator.report import lock as report
    from orchestrator.workflows import lock as workflow

    told = reporter.JsonLines() if as_json else reporter.Console()
    locked = workflow.take(config, hosts, workflow.checked(message), wait, told, opener)
    fields = report.locked_fields(locked)
    typer.echo(envelope.result_line("lock", fields) if as_json else report.locked_text(locked))


def unlock(
    force: ForceOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """End your own lock, or one that nobody holds any more; with --force any.

    A release whose lock is ended by force stops at its next step: a flip of it goes back by itself within its time, and
    the next release or rollback puts in order what else it left.

    \b
    Examples:
      vpsdeploy unlock
      vpsdeploy unlock --force
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope
    from orchestrator.report import lock as report
    from orchestrator.workflows import lock as workflow

    ended = workflow.end(config, hosts, force=force, opener=opener)
    fields = report.unlocked_fields(ended)
    typer.echo(envelope.result_line("unlock", fields) if as_json else report.unlocked_text(ended))
