"""vpsdeploy backup keys, set, reveal: what repositories are opened with, kept apart from the app's own secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption

if TYPE_CHECKING:
    from orchestrator.model.backup import Keys

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of a key; `backup keys` lists them.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `backup`."""
    group.command()(keys)
    group.command("set")(set_)
    group.command()(reveal)


def keys(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show the keys of a stage's backups: names and digests, what is missing, and the public key for SFTP targets.

    \b
    Examples:
      vpsdeploy backup keys
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import backup_keys

    _show_keys(backup_keys.listed(load(project), load_stage(project, stage)), as_json)


def set_(
    name: NameArgument, stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Set a key of the backups: asked for without echo, or read from standard input. The app never sees it.

    \b
    Examples:
      vpsdeploy backup set CLOUD_SECRET_ACCESS_KEY
      vpsdeploy backup set PING_URL < url.txt
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.transport import typed
    from orchestrator.workflows import backup_keys

    config, hosts = load(project), load_stage(project, stage)
    backup_keys.check_name(config, hosts, name)
    _show_keys(backup_keys.put(config, hosts, name, typed.secrets([name])[name]), as_json)


def reveal(name: NameArgument, stage: StageOption = None, project: ProjectOption = HERE) -> None:
    """Print one key, exactly as it is; the only command that does.

    \b
    Examples:
      vpsdeploy backup reveal RESTIC_PASSWORD
    """
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import backup_keys

    value = backup_keys.reveal(load_stage(project, stage), name)
    typer.echo(value.reveal(), nl=typer.get_text_stream("stdout").isatty())


def _show_keys(found: Keys, as_json: bool) -> None:
    from orchestrator.report import backup as report
    from orchestrator.report import envelope

    fields = report.keys_fields(found)
    typer.echo(envelope.result_line("backup_keys", fields) if as_json else report.keys_text(found))
