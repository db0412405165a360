"""One change of an inventory: another address for a host. Everything else in the file, comments too, stays as it is."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.config import document
from orchestrator.config.groups import Groups
from orchestrator.errors import ConfigError
from orchestrator.model.fleet import Stage

ADDRESS, PRIVATE = "ansible_host", "vpsdeploy_private_address"


def moved(stage: Stage, host: str, new: dict[str, str]) -> str:
    """The inventory's text with other values of a host's variables; nothing is written.

    Args:
        stage: Whose inventory.
        host: Inventory name.
        new: Values by variable: ADDRESS, PRIVATE.
    Raises: ConfigError: the file does not say such a variable on the host itself, in one line.
    """
    text = stage.path.read_text("utf-8")
    written = document.parse(text)
    entry = next(one for one in Groups(written).hosts() if one.name == host)
    lines = text.splitlines(keepends=True)
    for name, value in new.items():
        found = entry.variables.get(name)
        if found is None or host not in found.path:
            raise _by_hand(stage, host, name, value)
        number = written.line(found.path) - 1
        old = re.escape(str(found.value))
        pattern = re.compile(rf"(\b{name}['\"]?\s*:\s*)(['\"]?){old}\2(?=\s*([,}}#\n]|$))")
        line, count = pattern.subn(rf"\g<1>\g<2>{value}\g<2>", lines[number])
        if count != 1:
            raise _by_hand(stage, host, name, value)
        lines[number] = line
    return "".join(lines)


def write(path: Path, text: str) -> None:
    """Replace the inventory at once."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _by_hand(stage: Stage, host: str, name: str, value: str) -> ConfigError:
    return ConfigError(
        f"the inventory cannot be changed for {host}",
        why=f"{stage.path} does not say {name} of it in a line of its own",
        state="nothing was touched", next=f"write {name}: {value} there by hand, then run the same command again",
    )  # fmt: skip
