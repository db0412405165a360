"""vpsdeploy workers: the app's workers, on all hosts."""

from __future__ import annotations

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption


def register(app: typer.Typer) -> None:
    """Add `workers`."""
    app.command("workers")(workers)


def workers(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show each process of the app's workers: host, release, state, memory, uptime.

    A process of an old release that ends its last job is shown as such.

    \b
    Examples:
      vpsdeploy workers
      vpsdeploy logs --worker mailer --follow          what one of them writes
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope
    from orchestrator.report import jobs as report
    from orchestrator.workflows import jobs as workflow

    facts = workflow.run(config, hosts, opener).facts
    typer.echo(
        envelope.result_line("workers", report.workers_fields(facts))
        if as_json
        else report.workers_text(facts)
    )
