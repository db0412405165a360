"""group_vars/ and host_vars/ beside an inventory: Ansible reads them, releases do not.

They may hold anything except what decides how a host is reached, and who gets in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from orchestrator.config import host_rules
from orchestrator.config.connection import REFUSED, UNDERSTOOD
from orchestrator.config.problems import Problem

_FOLDERS = ("group_vars", "host_vars")
_SUFFIXES = ("", ".yml", ".yaml", ".json")

_OURS = UNDERSTOOD | host_rules.UNDERSTOOD | frozenset(REFUSED)


def problems_in_variable_files(stage_dir: Path) -> Iterator[Problem]:
    """Connection variables that stand in a file which only Ansible reads."""
    for folder in _FOLDERS:
        for file in sorted((stage_dir / folder).rglob("*")):
            if file.suffix in _SUFFIXES and file.is_file():
                name = file.relative_to(stage_dir)
                for key in _top_level_keys(file):
                    if key in _OURS:
                        yield Problem(
                            0, (), f"{name} sets {key}, which only Ansible would see: set it in hosts.yml"
                        )


def _top_level_keys(file: Path) -> list[str]:
    """The keys of a mapping; none of a file that is not YAML or is encrypted, which Ansible judges itself."""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, OSError):
        return []
    if not isinstance(root, yaml.MappingNode):
        return []
    return [key.value for key, _ in root.value if isinstance(key, yaml.ScalarNode)]
