"""vpsdeploy scale: another number of instances."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, StageOption, VerboseOption, WaitOption

InstancesArgument = Annotated[
    int, typer.Argument(metavar="N", min=1, max=99, help="Instances on each app host.")
]


def register(app: typer.Typer) -> None:
    """Add `scale`."""
    app.command("scale")(scale)


def scale(
    instances: InstancesArgument,
    wait: WaitOption = 0,
    stage: StageOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run N instances of the live release on each app host, without dropping a request.

    A pool of the new size starts beside the old one and takes over once it is healthy. Releases, rollbacks
    and provisioning keep the number, until `instances` in vpsdeploy.yml is changed or you scale again.

    \b
    Examples:
      vpsdeploy scale 4
      vpsdeploy scale 2 --stage production
    """
    from orchestrator.config import load
    from orchestrator.config.inventory import load_stage
    from orchestrator.workflows import login

    config, hosts = load(project), load_stage(project, stage)
    opener = login.begin(config, hosts)
    from orchestrator.report import envelope, reporter
    from orchestrator.report import scale as report
    from orchestrator.workflows import scale as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    changed = workflow.run(config, hosts, workflow.Wish(instances, wait), told, opener)
    shown = (instances, changed)
    typer.echo(envelope.result_line("scale", report.fields(*shown)) if as_json else report.text(*shown))
