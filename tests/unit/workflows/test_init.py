"""vpsdeploy init: what it writes, what it leaves alone, and its whole output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli.main import command_line
from orchestrator.config import load
from orchestrator.config.inventory import load_stage
from orchestrator.errors import ConfigError, UsageError
from orchestrator.workflows import init
from orchestrator.workflows.provision import refuse_placeholders

_PACKAGE = {
    "name": "@acme/Web.Shop",
    "scripts": {"build": "nest build"},
    "engines": {"node": "24.x"},
    "dependencies": {"@nestjs/core": "^12.0.0"},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with as little as `detect` needs."""
    (tmp_path / "package.json").write_text(json.dumps(_PACKAGE))
    (tmp_path / "package-lock.json").write_text("{}")
    return tmp_path


def test_what_is_written_loads(project: Path) -> None:
    """Both files are valid at once; the placeholder is one that provisioning refuses."""
    started = init.run(project, "", force=False)
    config, stage = load(project), load_stage(project, None)
    assert (config.app, config.node, config.health.path) == ("web-shop", "24", "/health")
    assert started.written == ("vpsdeploy.yml", "inventories/production/hosts.yml")
    assert started.is_placeholder
    assert stage.hosts[0].groups == {"app", "loadbalancer"}
    with pytest.raises(ConfigError, match="placeholder"):
        refuse_placeholders(stage, stage.hosts)


def test_address_goes_into_the_inventory(project: Path) -> None:
    """--host names the server; something else than an address is refused before anything is written."""
    with pytest.raises(UsageError, match="is not an address"):
        init.run(project, "root@server", force=False)
    assert not (project / "vpsdeploy.yml").exists()
    started = init.run(project, "192.168.7.20", force=False)
    assert load_stage(project, None).hosts[0].address == "192.168.7.20"
    assert not started.is_placeholder


def test_nothing_is_overwritten_without_force(project: Path) -> None:
    """A second run changes nothing; --force replaces the config, and the inventory only where an address is given."""
    init.run(project, "192.168.7.20", force=False)
    (project / "vpsdeploy.yml").write_text("app: mine\n")
    with pytest.raises(UsageError, match=r"vpsdeploy\.yml is already there"):
        init.run(project, "", force=False)
    with pytest.raises(UsageError, match=r"hosts\.yml is already there"):
        init.run(project, "192.168.7.21", force=False)
    assert load(project).app == "mine"
    assert init.run(project, "", force=True).kept == ("inventories/production/hosts.yml",)
    assert load(project).app == "web-shop"
    assert load_stage(project, None).hosts[0].address == "192.168.7.20"
    init.run(project, "192.168.7.21", force=True)
    assert load_stage(project, None).hosts[0].address == "192.168.7.21"


def test_gitignore_gets_what_is_missing(project: Path) -> None:
    """Our own leftovers are ignored once; a .gitignore without a last newline is continued on a new line."""
    (project / ".gitignore").write_text("dist\n.vpsdeploy")
    init.run(project, "", force=False)
    assert (project / ".gitignore").read_text() == "dist\n.vpsdeploy\n\n# vpsdeploy\ninventories/sandbox/\n"
    assert ".gitignore" not in init.run(project, "", force=True).written


def test_whole_output(project: Path) -> None:
    """What was detected and how, what was written, what to do next; the same as JSON."""
    result = CliRunner().invoke(command_line(), ["init", "--project", str(project)])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "detected  value          found in",
        "manager   npm            package-lock.json",
        "node      24             package.json: engines.node (24.x)",
        "nest      ^12.0.0        package.json: dependencies",
        "module    CommonJS       package.json: type",
        "build     npm run build  package.json: scripts.build (nest build)",
        "entry     dist/main.js   the rule of nest start",
        "health    none           no controller has a health route",
        "",
        "wrote  vpsdeploy.yml",
        "wrote  inventories/production/hosts.yml",
        "",
        "next:  write your server's address into inventories/production/hosts.yml, "
        "then vpsdeploy provision host --stage production",
        "or:    vpsdeploy sandbox up   a VPS on this machine, to try it first",
    ]
    again = CliRunner().invoke(command_line(), ["init", "--project", str(project), "--force", "--json"])
    shown = json.loads(again.output)
    assert (shown["kind"], shown["app"], shown["written"]) == ("init", "web-shop", ["vpsdeploy.yml"])
