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


@pytest.mark.parametrize(
    "begin", [b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ\x90\x00"], ids=["mac", "macs", "windows"]
)
def test_what_a_laptop_compiled_for_itself_is_for_no_host(tmp_path: Path, begin: bytes) -> None:
    """npm installs the controller's own binary: a release of it would only fail at the health check, with no why."""
    file = tmp_path / "node_modules/sharp/sharp.node"
    file.parent.mkdir(parents=True)
    file.write_bytes(begin + b"...")
    tree = BuiltTree(tmp_path, "main.js", "20.20.2", 115, "darwin-arm64", "npm 11", True, 1, 1)
    assert native_target(tree, ["node_modules/sharp/sharp.node"]) == (115, "darwin-arm64")
    assert native_target(tree, ["node_modules/fsevents/fsevents.node"]) == (0, "any")
