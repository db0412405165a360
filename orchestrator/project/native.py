"""Compiled code in a bundle: what it was compiled for."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

from orchestrator.model.build import BuiltTree

_ELF = b"\x7fELF"
# A module with this symbol is N-API: it runs under every Node. Source: nodejs.org API docs, n-api, NAPI_MODULE_INIT.
_NAPI = b"napi_register_module_v1"
_ANY = "any"


def native_target(tree: BuiltTree, names: Iterable[str]) -> tuple[int, str]:
    """(node_abi, platform) that the bundle needs: (0, "any") without native code, abi 0 where all of it is N-API."""
    linux = [path for name in names if name.endswith(".node") and _is_elf(path := tree.root / name)]
    if not linux:
        return 0, _ANY
    return (0 if all(map(_is_napi, linux)) else tree.node_abi), tree.platform


def _is_elf(path: Path) -> bool:
    """Packages carry binaries for other systems too (prebuilds/win32-x64/…)."""
    with path.open("rb") as file:
        return file.read(4) == _ELF


def _is_napi(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_NAPI) >= 0
