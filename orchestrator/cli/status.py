"""vpsdeploy status: what is live, and how each instance is."""

from __future__ import annotations

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption


def register(app: typer.Typer) -> None:
    """Add `status`."""
    app.command("status")(status)


def status(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Show what is live, each instance with its memory and uptime, who changed it last, and which host does not answer.

    Databases and brokers of `services` are asked how they are, too.

    \b
    Examples:
      vpsdeploy status
      vpsdeploy status --stage production --json
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope
    from orchestrator.report import status as report
    from orchestrator.workflows import status as workflow

    looked = workflow.run(config, hosts, opener)
    seen = looked.seen
    shown = (seen.app, seen.url, seen.facts, seen.silent, looked.services)
    typer.echo(envelope.result_line("status", report.fields(*shown)) if as_json else report.text(*shown))
