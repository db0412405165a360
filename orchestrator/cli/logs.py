"""vpsdeploy logs: the app's journals, merged over the hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption

FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="WHEN", help='As journalctl: "10 min ago", "2026-08-21".')
]
LinesOption = Annotated[
    int | None,
    typer.Option(
        "--lines", "-n", min=0, max=1_000_000, help="Newest lines of each host; 100, or all with --since."
    ),
]
InstanceOption = Annotated[
    str, typer.Option("--instance", "-i", metavar="PORT", help="Only this instance: 4101, or shop@4101.")
]
WorkerOption = Annotated[str, typer.Option("--worker", metavar="NAME", help="Only this worker.")]
CronOption = Annotated[str, typer.Option("--cron", metavar="NAME", help="Only this cron entry.")]
ServiceOption = Annotated[
    str,
    typer.Option(
        "--service", metavar="SERVICE", help="What a database or broker has written into the journal."
    ),
]
HostOption = Annotated[
    list[str] | None, typer.Option("--host", metavar="HOST", help="Only this host; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add `logs`."""
    app.command("logs")(logs)


def logs(
    follow: FollowOption = False,
    since: SinceOption = "",
    lines: LinesOption = None,
    instance: InstanceOption = "",
    worker: WorkerOption = "",
    cron: CronOption = "",
    service: ServiceOption = "",
    host: HostOption = None,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what the app writes, with its workers and cron entries, on all hosts, in order of time.

    \b
    Examples:
      vpsdeploy logs --follow
      vpsdeploy logs --since "10 min ago" --host web-2 --instance shop@4101
      vpsdeploy logs --service mariadb
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.report import envelope
    from orchestrator.report import logs as report
    from orchestrator.workflows import logs as workflow

    config, loaded = load(project), load_stage(project, stage)
    named = tuple(host or ())
    hosts = workflow.carrier(config, loaded, service) if service else workflow.app_hosts(loaded, named)
    wish = workflow.Wish(hosts, lines, since, workflow.port_of(instance), follow, worker, cron, service)
    try:
        for line in workflow.run(config, loaded, wish):
            typer.echo(envelope.event_line("log", report.fields(line)) if as_json else report.text(line))
    except KeyboardInterrupt:
        if not follow:
            raise
