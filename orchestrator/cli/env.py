"""vpsdeploy env: the secrets of a stage, encrypted in the repository; how a host gets them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from orchestrator.model.env import Edited

_group = typer.Typer(
    no_args_is_help=True, help="Env variables that are secret: encrypted in the repository, per stage."
)

NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Names of env variables; never values.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of an env variable.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A .env file; - for standard input.")]
RandomOption = Annotated[
    bool, typer.Option("--random", help="Make the value: 256 random bits as 43 letters, digits, - and _.")
]
_RANDOM_BYTES = 32


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(_group, name="env")


@_group.command("list")
def list_(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show names, sizes, digests, and who set what when; never a value.

    A digest is the same where the value is; without the key nobody can try values out against it.

    \b
    Examples:
      vpsdeploy env list
      vpsdeploy env list --stage production --json
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import env as report
    from orchestrator.report import envelope
    from orchestrator.workflows import env

    listed = env.listed(load(project), load_stage(project, stage))
    shown = (
        envelope.result_line("env", report.listed_fields(listed)) if as_json else report.listed_text(listed)
    )
    typer.echo(shown)


@_group.command("set")
def set_(
    names: NamesArgument,
    random: RandomOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Set secrets: each value is asked for without echo, or the only one read from standard input.

    A value on the command line is refused: other processes and your shell's history would have it. Of standard input,
    one line is taken without its end, several lines exactly as they are.

    \b
    Examples:
      vpsdeploy env set DATABASE_URL
      vpsdeploy env set SIGNING_KEY < key.pem
      vpsdeploy env set JWT_SECRET --random
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.secret import Secret
    from orchestrator.transport import typed
    from orchestrator.workflows import env

    config, hosts = load(project), load_stage(project, stage)
    env.check_names(config, names)
    made = (
        {name: Secret(secrets.token_urlsafe(_RANDOM_BYTES)) for name in names}
        if random
        else typed.secrets(names)
    )
    _show(env.put(config, hosts, made), as_json)


@_group.command()
def unset(
    names: NamesArgument,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Remove secrets. Releases that are on the hosts keep theirs.

    \b
    Examples:
      vpsdeploy env unset OLD_API_KEY
    """
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import env

    _show(env.unset(load_stage(project, stage), names), as_json)


@_group.command()
def edit(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Edit all secrets of a stage as one .env file, in $VISUAL or $EDITOR. The text is in memory only, never on a disk.

    \b
    Examples:
      vpsdeploy env edit
      EDITOR="code --wait" vpsdeploy env edit --stage staging
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import env

    _show(env.edit(load(project), load_stage(project, stage), _again), as_json)


@_group.command("import")
def import_(
    file: FileArgument, stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False
) -> None:
    """Set what a .env file says, read as the npm package dotenv does; say what of it was left out, and why.

    The file itself stays where it is: delete it, and see that Git ignores it.

    \b
    Examples:
      vpsdeploy env import .env.production --stage production
      op inject -i .env.tpl | vpsdeploy env import -
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.transport import typed
    from orchestrator.workflows import env

    config, hosts = load(project), load_stage(project, stage)
    _show(env.take_in(config, hosts, typed.piped() if str(file) == "-" else typed.file(file)), as_json)


@_group.command()
def reveal(name: NameArgument, stage: StageOption = None, project: ProjectOption = HERE) -> None:
    """Print one value, exactly as it is; the only command that does.

    \b
    Examples:
      vpsdeploy env reveal DATABASE_URL
      vpsdeploy env reveal SIGNING_KEY > /dev/shm/key.pem
    """
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import env

    value = env.reveal(load_stage(project, stage), name)
    typer.echo(value.reveal(), nl=typer.get_text_stream("stdout").isatty())


@_group.command()
def apply(
    no_watch: NoWatchOption = False,
    wait_drain: WaitDrainOption = False,
    wait: WaitOption = 0,
    no_hooks: NoHooksOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Give the live release today's env variables: a new release of the same code, without a build.

    It goes live as any release does: gate, flip, watch. `vpsdeploy rollback` brings the values of before back. What
    else changed in vpsdeploy.yml waits for `vpsdeploy release`.

    \b
    Examples:
      vpsdeploy env apply
      vpsdeploy env apply --stage production --no-watch
    """
    from orchestrator.config import load, watching
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config = watching.asked(load(project), watch=not no_watch, canary="")
    hosts = load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope, reporter
    from orchestrator.report import release as report
    from orchestrator.workflows import env_apply

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    changed = env_apply.run(config, hosts, env_apply.Wish(wait_drain, wait, not no_hooks), told, opener)
    typer.echo(envelope.result_line("release", report.fields(changed)) if as_json else report.text(changed))


@_group.command()
def add_key(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Keep a key that a colleague gave you on this machine: asked for without echo, or read from standard input.

    \b
    Examples:
      vpsdeploy env add-key
      op read op://Team/shop-production/key | vpsdeploy env add-key
    """
    from orchestrator.config.inventory import load_stage
    from orchestrator.transport import typed
    from orchestrator.workflows import env

    hosts = load_stage(project, stage)
    _show(env.add_key(hosts, typed.hidden(f"key of the secrets of {hosts.name} (hidden)")), as_json)


@_group.command()
def rotate_key(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Make a new key and encrypt every secret of the stage with it. Values stay what they are.

    After somebody left the team: rotate the key, then make every value new that they could read.

    \b
    Examples:
      vpsdeploy env rotate-key --stage production
    """
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import env

    _show(env.rotate_key(load_stage(project, stage)), as_json, rotated=True)


def _again(problems: str) -> bool:
    typer.echo(problems, err=True)
    return typer.confirm("edit it again?", default=True, err=True)


def _show(edited: Edited, as_json: bool, *, rotated: bool = False) -> None:
    from orchestrator.report import env as report
    from orchestrator.report import envelope

    if as_json:
        typer.echo(envelope.result_line("env_changed", report.edited_fields(edited)))
    else:
        typer.echo(report.edited_text(edited, rotated=rotated))
