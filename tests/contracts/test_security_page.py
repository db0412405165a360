"""docs/security.md: each control names a role that there is, and a proof that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import roles

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/security.md").read_text()
OTHERS = {"agent", "controller", "all"}
"""Who applies a control and is no role of Ansible's (the agent's role brings the agent)."""


def controls() -> list[tuple[str, str, str]]:
    """Control, role and proof of every row of a table with three columns that ends in `proof`."""
    found, inside = [], False
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[2] == "proof":
            inside = True
        elif not cells:
            inside = False
        elif inside and not set(cells[0]) <= {"-"}:
            found.append((cells[0], cells[1], cells[2]))
    return found


def test_every_control_has_a_role_that_there_is() -> None:
    """Or the agent, or the controller; a dash where nothing on the host has a part in it."""
    rows = controls()
    assert len(rows) > 60
    for control, who, _ in rows:
        named = set(re.findall(r"[a-z0-9]+", who))
        assert named <= {*roles.NAMES, *OTHERS}, control


def test_every_control_has_a_proof() -> None:
    """A file of tests, by its path or its name, or a scenario of Molecule; or `the same` as the row above."""
    names = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for control, _, proof in controls():
        files = re.findall(r"[\w/]*test_\w+\.py", proof)
        scenarios = re.findall(r"[Mm]olecule[/ ]`?(\w+)`?", proof)
        folders = re.findall(r"`?(tests/\w+)`?(?!/|\w|\.py)", re.sub(r"tests/[\w/]+\.py", "", proof))
        assert files or scenarios or folders or "the same" in proof or "Molecule" in proof, control
        for file in files:
            assert (ROOT / file).is_file() if "/" in file else file in names, (control, file)
        for scenario in scenarios:
            assert (ROOT / "molecule" / scenario).is_dir(), (control, scenario)
        for folder in folders:
            assert (ROOT / folder).is_dir(), (control, folder)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([\w/.-]+\.md)(?:#[\w-]+)?\)", TEXT))))
def test_every_page_that_it_leads_to_is_there(link: str) -> None:
    """Beside it, or below it."""
    assert (ROOT / "docs" / link).is_file()
