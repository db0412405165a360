"""Which Node a project asks for: a setting, package.json, a version file, or the LTS line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from orchestrator.model.build import Finding
from orchestrator.project.package_json import table

LTS = "lts"
# Codenames of the LTS lines that people still write into .nvmrc (nodejs/Release schedule.json).
_CODENAMES = {"hydrogen": "18", "iron": "20", "jod": "22", "krypton": "24"}


def detect_node(source: Path, package: dict[str, Any], setting: str) -> Finding:
    """The request, as "lts", a major or a full version, with where it was found."""
    for text, where in _requests(source, package, setting):
        if text:
            return Finding("node", simplify(text), f"{where} ({text})")
    return Finding("node", LTS, "default: today's LTS line")


def simplify(text: str) -> str:
    """Turn a range into what a role can install: an exact version, one major, or "lts".

    An open range (">=20") is answered by "lts"; one with an upper bound by the highest major below it.
    """
    text = text.strip().lstrip("v").lower()
    if re.fullmatch(r"\d+\.\d+\.\d+", text):
        return text
    if text.startswith("lts/"):
        return _CODENAMES.get(text.removeprefix("lts/"), LTS)
    alternatives = [_one_range(part.strip()) for part in text.split("||")]
    if LTS in alternatives:
        return LTS
    return max(alternatives, key=int)


def _one_range(text: str) -> str:
    upper = re.search(r"<(=?)\s*(\d+)((?:\.\d+)*)", text)
    if upper:
        inclusive = upper[1] or any(int(n) for n in re.findall(r"\d+", upper[3]))
        return str(int(upper[2]) - (0 if inclusive else 1))
    single = re.fullmatch(r"[\^~=v]*\s*(\d+)(\.[\dx*]+)*", text)
    if single:
        return single[1]
    hyphen = re.search(r"\s-\s+(\d+)", text)
    return hyphen[1] if hyphen else LTS


def _requests(source: Path, package: dict[str, Any], setting: str) -> list[tuple[str, str]]:
    runtime = table(package, "devEngines").get("runtime")
    first = runtime[0] if isinstance(runtime, list) and runtime else runtime
    node = first.get("version", "") if isinstance(first, dict) and first.get("name") == "node" else ""
    return [
        (setting, "vpsdeploy.yml: node"),
        (str(node), "package.json: devEngines.runtime"),
        (str(table(package, "engines").get("node", "")), "package.json: engines.node"),
        (_first_line(source / ".nvmrc"), ".nvmrc"),
        (_first_line(source / ".node-version"), ".node-version"),
        (str(table(package, "volta").get("node", "")), "package.json: volta.node"),
    ]


def _first_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    return lines[0] if lines else ""
