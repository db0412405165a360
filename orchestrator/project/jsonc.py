"""JSON with comments and trailing commas, as tsconfig.json and nest-cli.json are written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from orchestrator.errors import ProjectError

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)


def parse_jsonc(text: str) -> Any:
    """The value of a JSONC text; ValueError where it is not one."""
    bare = _STRING_OR_COMMENT.sub(_keep_strings, text.lstrip("\ufeff"))
    return json.loads(_STRING_OR_COMMA.sub(_keep_strings, bare))


def read_jsonc(path: Path) -> dict[str, Any]:
    """The object in a JSONC file; empty where the file is absent.

    Raises: ProjectError: the file is not JSONC or not an object.
    """
    if not path.is_file():
        return {}
    try:
        value = parse_jsonc(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProjectError(f"{path} cannot be read", why=str(error), next="repair the file") from error
    if not isinstance(value, dict):
        raise ProjectError(f"{path} is not an object", next="repair the file")
    return value


def _keep_strings(match: re.Match[str]) -> str:
    return match.group() if match.group().startswith('"') else ""
