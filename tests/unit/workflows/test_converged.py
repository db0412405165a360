"""Which hosts need no Ansible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from orchestrator import shipped
from orchestrator.facts.audit import Audit
from orchestrator.model.fleet import GROUP_APP, GROUP_LOADBALANCER, Host, Stage
from orchestrator.model.service import SERVICES
from orchestrator.transport.ansible_settings import Play
from orchestrator.workflows import converged

BOTH = Host("web-1", "10.0.0.11", groups=frozenset({GROUP_APP, GROUP_LOADBALANCER}))


@pytest.fixture(name="play")
def _play(tmp_path: Path) -> Play:
    """A play whose files may be changed."""
    for name in ("playbooks/site.yml", "roles/nginx/tasks/main.yml", "inventories/live/hosts.yml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("---\n")
    inventory = tmp_path / "inventories/live"
    stage = Stage("live", inventory / "hosts.yml", inventory / "known_hosts", (BOTH,))
    variables = {"vpsdeploy_port": 4000, "vpsdeploy_agent_pyz": "/run/one/agent.pyz"}
    return Play(tmp_path / "playbooks/site.yml", tmp_path / "roles", stage, ("web-1",), variables, tmp_path)


def of(play: Play) -> str:
    """The fingerprint with one agent."""
    return converged.fingerprint(play, "digest of the agent")


def write(name: str) -> Callable[[Play], Play]:
    """Change or add a file of the play."""

    def change(play: Play) -> Play:
        path = play.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("changed: true\n")
        return play

    return change


@pytest.mark.parametrize(
    "change",
    [
        write("playbooks/site.yml"),
        write("playbooks/library/new.py"),
        write("roles/nginx/tasks/main.yml"),
        write("inventories/live/hosts.yml"),
        write("inventories/live/host_vars/web-1.yml"),
        lambda play: replace(play, variables={**play.variables, "vpsdeploy_port": 5000}),
    ],
)
def test_whatever_decides_the_work_changes_the_fingerprint(
    play: Play, change: Callable[[Play], Play]
) -> None:
    """A playbook, a module, a role, the inventory, its variables, what the project says."""
    before = of(play)
    assert of(change(play)) != before


def test_another_agent_changes_the_fingerprint(play: Play) -> None:
    """It is installed by a role."""
    assert converged.fingerprint(play, "another") != of(play)


@pytest.mark.parametrize(
    "change",
    [
        write("inventories/live/known_hosts"),
        write("roles/__pycache__/x.pyc"),
        lambda play: replace(play, variables={**play.variables, "vpsdeploy_agent_pyz": "/run/two/agent.pyz"}),
        lambda play: replace(play, hosts=("web-2",), check=True),
    ],
)
def test_what_decides_nothing_leaves_the_fingerprint(play: Play, change: Callable[[Play], Play]) -> None:
    """Learned host keys, Python's leftovers, where a run's files are, which hosts are meant."""
    before = of(play)
    assert of(change(play)) == before


def audit(**changed: object) -> Audit:
    """A clean answer, but for what is given."""
    clean = Audit("abc", frozenset({*converged.recorded_on(BOTH)}), ())
    return replace(clean, **changed)  # type: ignore[arg-type]  # what the cases give fits


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (audit(), True),
        (audit(fingerprint="old"), False),
        (audit(differences=("/etc/nginx/nginx.conf",)), False),
        (audit(recorded=frozenset({"preflight", "base"})), False),
        (None, False),
    ],
)
def test_ansible_is_spared_only_by_a_whole_and_clean_audit(
    play: Play, answer: Audit | None, expected: bool
) -> None:
    """The same fingerprint, every role's record, no difference; no answer is no audit."""
    marked = replace(play, variables={converged.VARIABLE: "abc"})
    assert converged.is_converged(BOTH, answer, marked) is expected


def test_the_records_are_those_of_the_site_playbook() -> None:
    """A role that is added there has to be waited for here."""
    _, site = yaml.safe_load(shipped.playbook("site").read_text())
    (play,) = yaml.safe_load(shipped.playbook("preflight").read_text())
    (check,) = play["tasks"]
    groups = {None: frozenset[str](), "__app_here": frozenset({GROUP_APP})}
    groups["__loadbalancer_here"] = frozenset({GROUP_LOADBALANCER})
    for host_groups in (frozenset[str](), groups["__app_here"], groups["__loadbalancer_here"], BOTH.groups):
        host = replace(BOTH, groups=host_groups)
        always = [r for r in site["roles"] if r["role"] not in SERVICES]
        here = {r["role"] for r in always if groups[r.get("when")] <= host_groups}
        assert converged.recorded_on(host) == here | {check["vpsdeploy_preflight"]["record"]["name"]}
    assert {r["role"] for r in site["roles"]} >= set(SERVICES)


def test_a_host_that_carries_a_service_has_its_record(play: Play) -> None:
    """The role of a service leaves one there, and nowhere else."""
    services = {"postgresql": {"host": "web-1"}}
    marked = replace(play, variables={converged.VARIABLE: "abc", "vpsdeploy_services": services})
    assert not converged.is_converged(BOTH, audit(), marked)
    both = frozenset({*converged.recorded_on(BOTH, ["postgresql"])})
    assert converged.is_converged(BOTH, audit(recorded=both), marked)
    assert converged.is_converged(replace(BOTH, name="web-2"), audit(), marked)
