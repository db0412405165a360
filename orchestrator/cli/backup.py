"""vpsdeploy backup: what hosts do by themselves at night, asked for now; and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import backup_keys
from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, VerboseOption

if TYPE_CHECKING:
    from orchestrator.model.backup import Ran

_group = typer.Typer(no_args_is_help=True, help="Backups of the app's data: make, list, prove, restore.")

HostOption = Annotated[
    str, typer.Option("--host", metavar="HOST", help="One host; default: all of the stage.")
]
OneHostOption = Annotated[
    str, typer.Option("--host", metavar="HOST", help="Whose backups; needed where there are several hosts.")
]
TargetOption = Annotated[
    str, typer.Option("--target", metavar="NAME", help="One target of vpsdeploy.yml; default: all of them.")
]
FromOption = Annotated[
    str, typer.Option("--target", metavar="NAME", help="Target to read; default: the first of vpsdeploy.yml.")
]
SnapshotArgument = Annotated[
    str, typer.Argument(metavar="[BACKUP]", help="Its id, from `backup list`; default: the newest.")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    backup_keys.register(_group)
    app.add_typer(_group, name="backup")


@_group.command()
def now(
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Back up now, as the timer does: dump, read the dumps to their end, store at every target.

    Hosts that have no keys yet, or others, are handed them.

    \b
    Examples:
      vpsdeploy backup now
      vpsdeploy backup now --host web-1
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import reporter
    from orchestrator.workflows import backup

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    _show(backup.now(load(project), load_stage(project, stage), host, told), as_json)


@_group.command("list")
def list_(
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show every backup of every host and target, when one was last restored, and what is wrong.

    \b
    Examples:
      vpsdeploy backup list
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import backup as report
    from orchestrator.report import envelope
    from orchestrator.workflows import backup

    ran, found = backup.look(load(project), load_stage(project, stage), host)
    if as_json:
        typer.echo(envelope.result_line("backups", report.listed_fields(ran, found)))
    else:
        typer.echo(report.listed_text(ran, found))


@_group.command()
def show(
    snapshot: SnapshotArgument = "",
    below: Annotated[
        str, typer.Option("--below", metavar="PATH", help="Directory to look into; default: the shared ones.")
    ] = "",
    target: FromOption = "",
    host: OneHostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what one backup holds: databases with the rows of each table, files.

    \b
    Examples:
      vpsdeploy backup show
      vpsdeploy backup show 1f3a9c2e --below /srv/shop/shared/uploads
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import backup as report
    from orchestrator.report import envelope
    from orchestrator.workflows import backup

    config, hosts = load(project), load_stage(project, stage)
    name, answer = backup.show(config, hosts, host, {"snapshot": snapshot, "below": below, "target": target})
    if as_json:
        typer.echo(envelope.result_line("backup_shown", report.shown_fields(hosts.name, name, answer)))
    else:
        typer.echo(report.shown_text(name, answer))


@_group.command()
def verify(
    part: Annotated[
        str, typer.Option("--part", metavar="PART", help="How much of the data: 10%, or 1/8; default: all.")
    ] = "",
    target: TargetOption = "",
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Read the repositories, and say whether every byte is what it was. Drills read an eighth each time.

    \b
    Examples:
      vpsdeploy backup verify
      vpsdeploy backup verify --target box --part 10%
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import reporter
    from orchestrator.workflows import backup

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    _show(backup.verify(load(project), load_stage(project, stage), host, target, part, told), as_json)


@_group.command()
def prune(
    target: TargetOption = "",
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Let go of what `backup.keep` does not keep, and give its room back, now; hosts do so once a week.

    \b
    Examples:
      vpsdeploy backup prune --target box
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import reporter
    from orchestrator.workflows import backup

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    _show(backup.prune(load(project), load_stage(project, stage), host, target, told), as_json)


@_group.command()
def drill(
    target: TargetOption = "",
    host: HostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Restore the newest backup beside the real data, count its rows, ask its assertions, measure how long it takes.

    \b
    Examples:
      vpsdeploy backup drill
      vpsdeploy backup drill --host web-1 --target box
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import reporter
    from orchestrator.workflows import backup

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    _show(backup.drill(load(project), load_stage(project, stage), host, target, told), as_json)


@_group.command()
def restore(
    snapshot: SnapshotArgument = "",
    database: Annotated[str, typer.Option("--database", metavar="NAME", help="This database alone.")] = "",
    table: Annotated[
        str,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="A table: beside the real one, or with --force instead.",
        ),
    ] = "",
    path: Annotated[
        str,
        typer.Option("--path", metavar="PATH", help="This file or directory alone, such as uploads/a.png."),
    ] = "",
    into: Annotated[
        str,
        typer.Option(
            "--into", metavar="NAME", help="Another database, which is made; the real one is left alone."
        ),
    ] = "",
    to_time: Annotated[
        str,
        typer.Option(
            "--to-time",
            metavar="TIME",
            help="PostgreSQL's database or table as it was then: 2026-11-26T08:00:00Z, or latest.",
        ),
    ] = "",
    to: Annotated[str, typer.Option("--to", metavar="DIRECTORY", help="Where on the host --path goes.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is in use, after a copy of it was kept.")
    ] = False,
    target: FromOption = "",
    host: OneHostOption = "",
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring data back: everything, one database, one table, one file or directory.

    What is in use is refused without --force. A database is loaded and counted beside the real one first, and then
    takes its place by a rename. With --to-time it is brought to that moment by a server of its own first, out of a base
    backup and PostgreSQL's log (backup.point_in_time).

    \b
    Examples:
      vpsdeploy backup restore --path uploads/logo.png
      vpsdeploy backup restore 1f3a9c2e --table users
      vpsdeploy backup restore --database shop --into shop_yesterday
      vpsdeploy backup restore --database shop --to-time 2026-11-26T08:00:00Z --into shop_before
      vpsdeploy backup restore --force
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import backup as report
    from orchestrator.report import envelope, reporter
    from orchestrator.workflows import backup

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    config, hosts = load(project), load_stage(project, stage)
    request = {"snapshot": snapshot, "database": database, "table": table, "path": path, "into": into, "to": to,
               "to_time": to_time, "force": force, "target": target}  # fmt: skip
    name, answer = backup.restore(config, hosts, host, request, told)
    if as_json:
        typer.echo(envelope.result_line("restored", report.restored_fields(hosts.name, name, answer)))
    else:
        typer.echo(report.restored_text(name, answer))


def _show(ran: Ran, as_json: bool) -> None:
    from orchestrator.report import backup as report
    from orchestrator.report import envelope

    typer.echo(envelope.result_line("backup", report.fields(ran)) if as_json else report.text(ran))
