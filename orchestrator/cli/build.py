"""vpsdeploy build: write the bundle that a CI job can pass on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import HERE, JsonOption, ProjectOption, VerboseOption

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Where to; .vpsdeploy/<app>-<digest>.bundle if not given."
    ),
]


def register(app: typer.Typer) -> None:
    """Add `build`."""
    app.command("build")(build)


def build(
    output: OutputOption = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the project into one bundle file; no host is asked.

    \b
    Examples:
      vpsdeploy build
      vpsdeploy build --output shop.bundle && vpsdeploy release --bundle shop.bundle
    """
    from orchestrator.config import load
    from orchestrator.report import build as report
    from orchestrator.report import envelope, reporter
    from orchestrator.workflows import build as workflow

    told = reporter.JsonLines() if as_json else reporter.Console(verbose=verbose)
    written = workflow.run(load(project), output, told)
    typer.echo(envelope.result_line("build", report.fields(written)) if as_json else report.text(written))
