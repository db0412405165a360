"""The options that commands share, with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        "-s",
        envvar="VPSDEPLOY_STAGE",
        help="Folder under inventories/; the only one where there is one.",
    ),
]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", envvar="VPSDEPLOY_PROJECT", help="Directory with vpsdeploy.yml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON (docs/json.md) instead of text.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show what is run and answered.")]
WaitDrainOption = Annotated[
    bool, typer.Option("--wait-drain", help="Wait until the old pool is gone, and measure until then.")
]
WaitOption = Annotated[
    int,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0,
        max=86_400,
        help="Wait so long for a lock that somebody else holds.",
    ),
]
NoHooksOption = Annotated[bool, typer.Option("--no-hooks", help="Leave out the hooks of vpsdeploy.yml.")]
NoWatchOption = Annotated[
    bool, typer.Option("--no-watch", help="Confirm the flip at once, without watching it first.")
]

HERE = Path()
"""Default of --project: the current directory."""
