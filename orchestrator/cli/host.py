"""vpsdeploy host drain | join | patch | list | rebuild: which hosts serve users, and keeping them up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import host_rebuild
from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, VerboseOption, WaitOption

_group = typer.Typer(no_args_is_help=True, help="Take hosts out of service and bring them back.")

HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="Inventory name.")]
DeadOption = Annotated[
    bool, typer.Option("--dead", help="The host is lost: go on without it, and do not ask it anything.")
]


HostsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[HOST]...", help="Inventory names; default: all.")
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Show what would be upgraded; upgrade and restart nothing.")
]
AllUpdatesOption = Annotated[
    bool, typer.Option("--all", help="Every update that waits, not only those of security.")
]
RebootOption = Annotated[
    bool | None,
    typer.Option(
        "--reboot/--no-reboot",
        help="Restart each host, or none; default: those whose updates ask for it.",
        show_default=False,
    ),
]
OutageOption = Annotated[
    bool, typer.Option("--allow-outage", help="Restart a host also where no other can serve meanwhile.")
]


def register(app: typer.Typer) -> None:
    """Add `host`."""
    host_rebuild.register(_group)
    app.add_typer(_group, name="host")


@_group.callback()
def _host() -> None:
    """Take hosts out of service and bring them back."""


@_group.command("drain")
def drain(
    host: HostArgument,
    dead: DeadOption = False,
    wait: WaitOption = 0,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take an app host out of all load balancers, wait for its open requests, and stop its instances.

    It stays out until it joins again, also over reboots; releases go on without it. One host at a time.

    \b
    Examples:
      vpsdeploy host drain web-2             before it is patched, rebooted or looked at
      vpsdeploy host drain web-2 --dead      it does not answer any more
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope, reporter
    from orchestrator.report import membership as report
    from orchestrator.workflows import membership as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    wish = workflow.Wish(host, dead, wait)
    moved = workflow.drain(load(project), load_stage(project, stage), wish, told)
    typer.echo(envelope.result_line("host_drain", report.fields(moved)) if as_json else report.text(moved))


@_group.command("join")
def join(
    host: HostArgument,
    wait: WaitOption = 0,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring a host in: it gets the live release from another host, starts it, and serves once it is healthy.

    A load balancer is told what the others route to.

    \b
    Examples:
      vpsdeploy host join web-2
      vpsdeploy host join web-4 --stage production      a new host, once it is provisioned
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope, reporter
    from orchestrator.report import membership as report
    from orchestrator.workflows import membership as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    moved = workflow.join(
        load(project), load_stage(project, stage), workflow.Wish(host, wait_seconds=wait), told
    )
    typer.echo(envelope.result_line("host_join", report.fields(moved)) if as_json else report.text(moved))


@_group.command("patch")
def patch(
    hosts: HostsArgument = None,
    check: CheckOption = False,
    all_updates: AllUpdatesOption = False,
    reboot: RebootOption = None,
    allow_outage: OutageOption = False,
    wait: WaitOption = 0,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Install security updates host after host: take it out, upgrade, restart where asked for, bring it back.

    App hosts come first, then load balancers; it stops at the first that does not come back. Where no other host
    can serve meanwhile nothing is touched, unless you say which you want: no restart, or an outage.

    \b
    Examples:
      vpsdeploy host patch --check               what waits on which host
      vpsdeploy host patch
      vpsdeploy host patch web-1 --no-reboot     install only; the reboot is for later
      vpsdeploy host patch --all --allow-outage  the only host there is, everything, whatever it takes
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import choose_hosts, load_stage
    from orchestrator.plan.patch import Wish
    from orchestrator.report import envelope, reporter
    from orchestrator.report import patch as report
    from orchestrator.workflows import patch as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    wish = Wish(check, all_updates, reboot is True, reboot is False, allow_outage, wait)
    known = load_stage(project, stage)
    done = workflow.run(load(project), known, choose_hosts(known, hosts or ()), wish, told)
    typer.echo(envelope.result_line("host_patch", report.fields(done)) if as_json else report.text(done))


@_group.command("list")
def list_(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the hosts: which are in, which are out, what they run.

    \b
    Examples:
      vpsdeploy host list
      vpsdeploy host list --json
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope
    from orchestrator.report import membership as report
    from orchestrator.workflows import releases as workflow

    facts = workflow.run(load(project), load_stage(project, stage)).facts
    typer.echo(
        envelope.result_line("hosts", report.list_fields(facts)) if as_json else report.list_text(facts)
    )
