"""vpsdeploy provision host: bare Debian server -> production host."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, VerboseOption

_group = typer.Typer(no_args_is_help=True, help="Turn bare Debian servers into production hosts.")

HostsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="HOST", help="Inventory names; all hosts of the stage where none is given."),
]
CheckOption = Annotated[bool, typer.Option("--check", help="Show what would change, and change nothing.")]
FullOption = Annotated[
    bool, typer.Option("--full", help="Run Ansible also on hosts that say nothing has changed.")
]
TagsOption = Annotated[
    str,
    typer.Option(
        "--tags",
        metavar="ROLE,...",
        help="Only these roles: base, access, nodejs, agent, app, backup, tls, nginx, fail2ban, firewall, ssh.",
    ),
]
AcceptOption = Annotated[
    str,
    typer.Option(
        "--accept-host-key",
        metavar="SHA256:...",
        help="Learn the host's key if it has this fingerprint, which you have compared.",
    ),
]
AcceptNewOption = Annotated[
    bool,
    typer.Option(
        "--accept-new",
        help="Accept the keys of hosts that are not known yet, unseen (for automation); never a changed key.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add `provision`."""
    app.add_typer(_group, name="provision")


@_group.callback()
def _provision() -> None:
    """Turn bare Debian servers into production hosts."""


@_group.command("host")
def host(
    hosts: HostsArgument = None,
    check: CheckOption = False,
    tags: TagsOption = "",
    full: FullOption = False,
    accept_host_key: AcceptOption = "",
    accept_new: AcceptNewOption = False,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Provision hosts with Ansible; running it again changes only what differs.

    \b
    vpsdeploy provision host                           all hosts of the only stage
    vpsdeploy provision host web-2 --stage production
    vpsdeploy provision host --check                   show the differences, change nothing
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import choose_hosts, load_stage
    from orchestrator.report import envelope, provision_progress, reporter
    from orchestrator.report import provision as report
    from orchestrator.workflows import provision

    config = load(project)
    loaded = load_stage(project, stage)
    wish = provision.Wish(check, tuple(filter(None, tags.split(","))), accept_host_key, full, accept_new)
    result = provision.run(
        config,
        loaded,
        choose_hosts(loaded, tuple(hosts or ())),
        wish,
        reporter.JsonLines() if as_json else reporter.Console(verbose=verbose),
        lambda names: provision_progress.choose(names, as_json=as_json, verbose=verbose),
    )
    failure = report.failure(result)
    if as_json:
        line = envelope.event_line if failure else envelope.result_line
        typer.echo(line("provision", report.fields(result)))
    else:
        typer.echo(report.text(result))
    if failure:
        raise failure
