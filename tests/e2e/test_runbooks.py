"""Every command of docs/runbooks is executed, in the order of its index, on sandbox hosts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import runbook
from tests.support.selection import sample

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
INDEX = re.findall(r"^\d+\. \[.*?\]\((.+?)\)$", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
OF_TWO_VERSIONS = "database-upgrade.md"
"""test_database_upgrade.py executes this one: it needs a host of each Debian."""
LIMIT_SECONDS = 600
SANDBOX = f"runbooks-{os.getpid()}"

pytestmark = [pytest.mark.sandbox, pytest.mark.npm]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the example, whose sandbox is removed at the end."""
    copy = tmp_path_factory.mktemp("runbooks") / "hello-nest"
    left_out = shutil.ignore_patterns("node_modules", "dist", ".vpsdeploy", "inventories")
    shutil.copytree(ROOT / "examples" / "hello-nest", copy, ignore=left_out)
    yield copy
    _run(f"vpsdeploy sandbox down --name {SANDBOX}", copy)


def _run(script: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Run a block as a person's shell would, stopping at the first command that fails."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["XDG_CONFIG_HOME"] = str(project.parent / "config")  # where the keys of secrets are
    script = script.replace("vpsdeploy sandbox up", f"vpsdeploy sandbox up --name {SANDBOX}")
    return subprocess.run(
        ["bash", "-ec", script], cwd=project, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip


def test_every_runbook_is_in_the_index() -> None:
    """No runbook escapes this test."""
    assert sorted(INDEX) == sorted(p.name for p in RUNBOOKS.glob("*.md") if p.name != "README.md")


@pytest.mark.parametrize("name", sample((name for name in INDEX if name != OF_TWO_VERSIONS), INDEX[:1]))
def test_the_commands_of_a_runbook_do_what_it_says(name: str, project: Path) -> None:
    """Each block ends with the exit code that the runbook promises."""
    blocks = runbook.commands((RUNBOOKS / name).read_text())
    assert blocks, "a runbook without commands"
    for block in blocks:
        done = _run(block.script, project)
        assert done.returncode in block.codes, f"{block.script}\n{done.stdout}\n{done.stderr}"
