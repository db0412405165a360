"""vpsdeploy host rebuild: an empty host becomes the lost one."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, VerboseOption
from orchestrator.cli.provision import AcceptNewOption, AcceptOption

NewArgument = Annotated[
    str, typer.Argument(metavar="[NEW]", help="Address of the empty host; default: the one in the inventory.")
]
LostOption = Annotated[
    str, typer.Option("--host", metavar="HOST", help="The lost host's inventory name; default: the only one.")
]
SourceOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="BACKUP",
        help="TARGET, TARGET:BACKUP or :BACKUP; default: the newest of the first target that has one.",
    ),
]
PrivateOption = Annotated[
    str,
    typer.Option(
        "--private-address", metavar="ADDRESS", help="Where the inventory names one for the lost host."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Replace the lost host though it still answers.")]


def register(group: typer.Typer) -> None:
    """Add the command to the group `host`."""
    group.command("rebuild")(rebuild)


def rebuild(
    new: NewArgument = "",
    host: LostOption = "",
    source: SourceOption = "",
    private_address: PrivateOption = "",
    accept_host_key: AcceptOption = "",
    accept_new: AcceptNewOption = False,
    yes: YesOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make an empty host the lost one: provision it, restore its data, its certificate and its release, and ask it.

    The inventory gets the new address. Nothing is touched where the lost host still answers, the new one is not empty,
    the keys are not here or there is no backup of what it kept. An interrupted rebuild goes on when it is run again.

    \b
    Examples:
      vpsdeploy host rebuild 203.0.113.9                          the only host, its newest backup
      vpsdeploy host rebuild --host web-2                         reinstalled at the same address
      vpsdeploy host rebuild 203.0.113.9 --host web-2 --from box
      vpsdeploy host rebuild 203.0.113.9 --from box:1f3a9c2e --accept-new --json
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope, provision_progress, reporter
    from orchestrator.report import rebuild as report
    from orchestrator.workflows import rebuild as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    done = workflow.run(
        load(project),
        load_stage(project, stage),
        workflow.Wish(new, host, source, private_address, accept_host_key, accept_new),
        told,
        lambda names: provision_progress.choose(names, as_json=as_json, verbose=verbose),
        lambda question: yes or _agreed(question, as_json=as_json),
    )
    typer.echo(envelope.result_line("host_rebuild", report.fields(done)) if as_json else report.text(done))


def _agreed(question: str, *, as_json: bool) -> bool:
    """Asked in a terminal only: nobody answers in CI."""
    if as_json or not typer.get_text_stream("stdin").isatty():
        return False
    return typer.confirm(question, default=False, err=True)
