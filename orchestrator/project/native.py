"""Compiled code in a bundle: what it was compiled for."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

from orchestrator.model.build import BuiltTree

_ON_LINUX = (b"\x7fELF",)
_ELSEWHERE = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")
"""How compiled code begins on macOS (of one architecture, of several; mach-o/loader.h, fat.h) and on Windows (PE)."""
_NEVER_ON_LINUX = "node_modules/fsevents/"
"""A package for macOS alone, without which its users do well elsewhere."""

# A module with this symbol is N-API: it runs under every Node. Source: nodejs.org API docs, n-api, NAPI_MODULE_INIT.
_NAPI = b"napi_register_module_v1"
_ANY = "any"


def native_target(tree: BuiltTree, names: Iterable[str]) -> tuple[int, str]:
    """(node_abi, platform) that the bundle needs: (0, "any") without native code, abi 0 where all of it is N-API.

    A tree that was built on another system than Linux holds what was installed for that one: no host can load it.
    """
    kinds = _ON_LINUX if tree.platform.startswith("linux") else (*_ON_LINUX, *_ELSEWHERE)
    files = [tree.root / name for name in names if name.endswith(".node") and _NEVER_ON_LINUX not in name]
    compiled = [path for path in files if _begins_with(path, kinds)]
    if not compiled:
        return 0, _ANY
    return (0 if all(map(_is_napi, compiled)) else tree.node_abi), tree.platform


def _begins_with(path: Path, kinds: tuple[bytes, ...]) -> bool:
    """Packages carry binaries for other systems too (prebuilds/win32-x64/…)."""
    with path.open("rb") as file:
        return file.read(4).startswith(kinds)


def _is_napi(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_NAPI) >= 0
