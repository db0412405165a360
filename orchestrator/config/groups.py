"""An Ansible YAML inventory as groups, hosts and variables, with Ansible's own precedence.

Only what is written in the file itself is understood; everything else is a problem, because reading it differently
from Ansible would provision one host and release to another.
Source: ansible/plugins/inventory/yaml.py, ansible/inventory/helpers.py (groups by depth, then name; the host last).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.document import Document
from orchestrator.config.problems import KeyPath, Problem, nearest, shown

ALL = "all"
_SECTIONS = ("vars", "children", "hosts")
_GROUP_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Variable:
    """A value and the key path where it was written."""

    value: Any
    path: KeyPath


Variables = dict[str, Variable]


@dataclass
class _Group:
    parents: set[str] = field(default_factory=set)
    variables: Variables = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    depth: int = 0


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host with the groups it is in, directly or through their children, and its effective variables."""

    name: str
    path: KeyPath
    groups: frozenset[str]
    variables: Variables


class Groups:
    """The groups of one inventory file; `problems` says what could not be understood."""

    def __init__(self, written: Document) -> None:
        self.problems: list[Problem] = list(written.problems)
        self._written = written
        self._groups: dict[str, _Group] = {ALL: _Group()}
        self._host_variables: dict[str, Variables] = {}
        self._host_paths: dict[str, KeyPath] = {}
        for name, value in self._mapping(written.values, ()).items():
            self._read_group(name, value, (name,), parent="")
        self._set_depths()

    def hosts(self) -> list[HostEntry]:
        """Every host, in the order of the file."""
        return [self._entry(name) for name in self._host_variables]

    def _read_group(self, name: str, value: Any, path: KeyPath, parent: str) -> None:
        if not _GROUP_NAME.fullmatch(name):
            self._problem(path, "a group's name has letters, digits and _ only")
            return
        if parent and name == ALL:
            self._problem(path, "the group all cannot be a child")
            return
        group = self._groups.setdefault(name, _Group())
        if parent:
            group.parents.add(parent)
        for section, content in self._mapping(value, path).items():
            if section not in _SECTIONS:
                hint = nearest(section, _SECTIONS) or f"; known are {', '.join(_SECTIONS)}"
                self._problem((*path, section), f"unknown key{hint}")
                continue
            self._read_section(section, name, self._mapping(content, (*path, section)), (*path, section))

    def _read_section(self, section: str, group: str, content: dict[str, Any], path: KeyPath) -> None:
        for name, value in content.items():
            if section == "vars":
                self._groups[group].variables[name] = Variable(value, (*path, name))
            elif section == "children":
                self._read_group(name, value, (*path, name), parent=group)
            else:
                self._read_host(name, value, (*path, name), group)

    def _read_host(self, name: str, value: Any, path: KeyPath, group: str) -> None:
        if not _HOST_NAME.fullmatch(name):
            self._problem(
                path, "a host's name has letters, digits, . and - only; ranges and ports are not understood"
            )
            return
        self._groups[group].hosts.add(name)
        self._host_paths.setdefault(name, path)
        variables = self._host_variables.setdefault(name, {})
        for key, item in self._mapping(value, path).items():
            variables[key] = Variable(item, (*path, key))

    def _entry(self, name: str) -> HostEntry:
        groups = self._ancestors({group for group, g in self._groups.items() if name in g.hosts})
        variables: Variables = {}
        for group in sorted(groups | {ALL}, key=lambda g: (self._groups[g].depth, g)):
            variables.update(self._groups[group].variables)
        variables.update(self._host_variables[name])
        return HostEntry(name, self._host_paths[name], frozenset(groups - {ALL}), variables)

    def _ancestors(self, groups: set[str]) -> set[str]:
        found, todo = set(groups), list(groups)
        while todo:
            new = self._groups[todo.pop()].parents - found
            found |= new
            todo += new
        return found

    def _set_depths(self) -> None:
        """Depth is the longest way from `all`; a group that is below itself has none."""
        for name, group in self._groups.items():
            if name != ALL and not group.parents:
                group.parents.add(ALL)
        for _ in self._groups:
            for name, group in self._groups.items():
                group.depth = 0 if name == ALL else 1 + max(self._groups[p].depth for p in group.parents)
        if any(group.depth >= len(self._groups) for group in self._groups.values()):
            self._problem((), "a group is its own child")

    def _mapping(self, value: Any, path: KeyPath) -> dict[str, Any]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        seen = "a list" if isinstance(value, tuple) else shown(str(value))
        self._problem(path, f"must be keys with values, not {seen}")
        return {}

    def _problem(self, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(self._written.line(path), path, text))
