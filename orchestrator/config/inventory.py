"""The stages of a project and their hosts, from inventories/<stage>/hosts.yml."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from orchestrator.config import document, host_rules
from orchestrator.config.connection import REFUSED, host_of
from orchestrator.config.groups import Groups, HostEntry
from orchestrator.config.problems import Problem, nearest, refused
from orchestrator.config.variable_files import problems_in_variable_files
from orchestrator.errors import ConfigError, UsageError
from orchestrator.model.fleet import GROUP_APP, GROUP_DATA, GROUP_LOADBALANCER, Host, Stage

FOLDER = "inventories"
HOSTS_FILE = "hosts.yml"
KNOWN_HOSTS_FILE = "known_hosts"


def stage_names(project_dir: Path) -> tuple[str, ...]:
    """The stages of a project: folders under inventories/ with a hosts.yml."""
    return tuple(sorted(file.parent.name for file in (project_dir / FOLDER).glob(f"*/{HOSTS_FILE}")))


def load_stage(project_dir: Path, name: str | None) -> Stage:
    """Read and check a stage.

    Args:
        project_dir: The directory with inventories/.
        name: A folder under inventories/; None takes the only one.
    Raises: ConfigError: no such stage, or an inventory that is wrong or that only Ansible understands.
    """
    folder = project_dir.absolute() / FOLDER / (name or _only_stage(project_dir))
    file = folder / HOSTS_FILE
    if name is not None and name not in stage_names(project_dir):
        raise _unknown_stage(project_dir, name)
    problems, hosts = _hosts(Groups(written := document.read(file)), written)
    problems += problems_in_variable_files(folder)
    if problems:
        raise refused(file, problems, name=f"{FOLDER}/{folder.name}/{HOSTS_FILE}")
    return Stage(folder.name, file, folder / KNOWN_HOSTS_FILE, hosts)


def choose_hosts(stage: Stage, names: Sequence[str]) -> tuple[Host, ...]:
    """The named hosts in the order of the inventory; all of them where none is named.

    Raises: UsageError: a name that the stage does not have.
    """
    known = [host.name for host in stage.hosts]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known
            raise UsageError(
                f'no host "{name}" in stage {stage.name}',
                why=f"{FOLDER}/{stage.name}/{HOSTS_FILE} has {', '.join(known)}",
                state="nothing was touched",
                next=f"name one of: {', '.join(near)}",
            )
    return tuple(host for host in stage.hosts if not names or host.name in names)


def _only_stage(project_dir: Path) -> str:
    names = stage_names(project_dir)
    if len(names) == 1:
        return names[0]
    if not names:
        raise ConfigError(
            f"no stage in {project_dir.absolute() / FOLDER}",
            state="nothing was touched",
            next="vpsdeploy sandbox up (VPSes on this machine), or vpsdeploy init --host ADDRESS (a server you have)",
        )
    raise ConfigError(
        "which stage?",
        why=f"{FOLDER}/ has {', '.join(names)}",
        state="nothing was touched",
        next=f"add --stage {names[0]}, or set VPSDEPLOY_STAGE",
    )


def _unknown_stage(project_dir: Path, name: str) -> ConfigError:
    names = stage_names(project_dir)
    return ConfigError(
        f'no stage "{name}"{nearest(name, names)}',
        why=f"there is no {FOLDER}/{name}/{HOSTS_FILE}; stages are: {', '.join(names) or 'none'}",
        state="nothing was touched",
        next=f"add --stage {names[0]}" if names else "vpsdeploy sandbox up, or vpsdeploy init --host ADDRESS",
    )


def _hosts(groups: Groups, written: document.Document) -> tuple[list[Problem], tuple[Host, ...]]:
    entries = groups.hosts()
    problems = list(groups.problems)
    hosts: list[Host] = []
    for entry in entries:
        host, wrong = host_of(entry)
        wrong += host_rules.problems_of(entry)
        wrong += [(item.path, REFUSED[name]) for name, item in entry.variables.items() if name in REFUSED]
        problems += [Problem(written.line(path), path, text) for path, text in wrong]
        hosts += [host] if host else []
    problems += _role_problems(entries, written)
    problems += _duplicates(hosts, written, {entry.name: entry for entry in entries})
    return list(dict.fromkeys(problems)), tuple(hosts)


def _role_problems(entries: Sequence[HostEntry], written: document.Document) -> Iterator[Problem]:
    roles = (GROUP_APP, GROUP_LOADBALANCER)
    for role in roles:
        if not any(role in entry.groups for entry in entries):
            yield Problem(0, (), f"the group {role} has no host")
    for entry in entries:
        if not entry.groups.intersection((*roles, GROUP_DATA)):
            yield Problem(
                written.line(entry.path),
                entry.path,
                f"is in none of the groups {', '.join(roles)} and {GROUP_DATA}",
            )


def _duplicates(
    hosts: Sequence[Host], written: document.Document, entries: dict[str, HostEntry]
) -> Iterator[Problem]:
    places: tuple[tuple[str, Callable[[Host], object]], ...] = (
        ("address and port", lambda host: (host.address, host.port)),
        ("private address", lambda host: host.private_address),
    )
    for what, place in places:
        seen: dict[object, str] = {}
        for host in hosts:
            first = seen.setdefault(place(host), host.name)
            if first != host.name:
                path = entries[host.name].path
                yield Problem(written.line(path), path, f"has the same {what} as {first}")
