"""vpsdeploy releases: what is kept on the hosts."""

from __future__ import annotations

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption


def register(app: typer.Typer) -> None:
    """Add `releases`."""
    app.command("releases")(releases)


def releases(stage: StageOption = None, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List the releases that the hosts keep, newest first.

    \b
    Examples:
      vpsdeploy releases
      vpsdeploy releases --stage production --json
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import fleet

    config, hosts = load(project), load_stage(project, stage)
    opener = fleet.ahead(config, hosts)
    from orchestrator.report import envelope
    from orchestrator.report import releases as report
    from orchestrator.workflows import releases as workflow

    facts = workflow.run(config, hosts, opener).facts
    typer.echo(envelope.result_line("releases", report.fields(facts)) if as_json else report.text(facts))
