"""Find the entry file that a build made."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.model.build import Project

_SHOWN = 12


def find_entry(project: Project, tree: Path) -> str:
    """The one entry candidate that exists in the built tree, relative to it.

    Raises: ProjectError: none exists (it lists what does), or more than one.
    """
    found = [candidate for candidate in project.entry_candidates if (tree / candidate).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ProjectError(
            "more than one file may be the entry",
            why=f"the build made {', '.join(found)}",
            next=f"set build.entry in vpsdeploy.yml, for example build.entry: {found[0]}",
        )
    raise ProjectError(
        "the build made no entry file",
        why=f"it exited 0, but none of {', '.join(project.entry_candidates)} exists; "
        f"below {project.output}: {_listing(tree / project.output)}",
        next="set build.entry (and build.output) in vpsdeploy.yml to the file that Node runs",
    )


def _listing(output: Path) -> str:
    scripts = (".js", ".mjs", ".cjs")
    found = [
        os.path.relpath(Path(directory) / name, output)
        for directory, _, names in os.walk(output)
        for name in names
        if name.endswith(scripts)
    ]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(sorted(found, key=lambda n: (n.count("/"), n))[:_SHOWN]) + more or "nothing"
