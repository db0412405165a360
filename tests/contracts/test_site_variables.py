"""What the controller tells the site playbook, Molecule's scenario `site` tells it too."""

from __future__ import annotations

from pathlib import Path

import yaml

from orchestrator.config.app import AppConfig
from orchestrator.model.fleet import Stage
from orchestrator.workflows import converged, provision_play

MOLECULE = Path(__file__).resolve().parents[2] / "molecule/site/converge.yml"

INVENTORY = {"vpsdeploy_root_login"}
"""What an inventory may say and Molecule's does not."""


def test_molecule_tells_the_site_playbook_what_the_controller_tells_it(tmp_path: Path) -> None:
    """A variable that one of them lacks would fail there only, on hosts."""
    (play,) = yaml.safe_load(MOLECULE.read_text())
    stage = Stage("production", tmp_path / "hosts.yml", tmp_path / "known_hosts")
    told = provision_play.variables(AppConfig(app="shop"), stage, (), "", tmp_path / "agent.pyz")
    assert play["vars"].keys() - INVENTORY == {*told, converged.VARIABLE}
