"""Compiled code in a bundle: which Node and which platform it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model.build import BuiltTree
from orchestrator.project.native import native_target
from tests.unit.project.projects import lay

ELF = "\x7fELF..."
NAPI = f"{ELF}napi_register_module_v1"
SHAPES = {
    "nothing compiled": ({"a/index.js": ""}, (0, "any")),
    "bound to one ABI": ({"bcrypt/bcrypt.node": ELF}, (115, "linux-x64")),
    "N-API runs under every Node": ({"sharp/sharp.node": NAPI}, (0, "linux-x64")),
    "one of two is bound": ({"sharp/sharp.node": NAPI, "old/old.node": ELF}, (115, "linux-x64")),
    "for other systems only": ({"x/prebuilds/win32-x64/x.node": "MZ", "x/empty.node": ""}, (0, "any")),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_target_is_read_from_the_compiled_files(tmp_path: Path, shape: str) -> None:
    """ABI 0 where every Node loads it, platform "any" where nothing is compiled for Linux."""
    files, target = SHAPES[shape]
    lay(tmp_path, files)
    tree = BuiltTree(tmp_path, "main.js", "20.20.2", 115, "linux-x64", "npm 11", True, 1, 1)
    assert native_target(tree, files) == target
