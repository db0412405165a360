"""A bundle as large as they come: many small files, and some large ones that do and do not compress.

python -m benchmarks.big_bundle DIRECTORY FILES LARGE_BYTES makes one in a process of its own and says what memory that
took: what a build does behind the package manager.
"""

from __future__ import annotations

import json
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.model.build import BuildSettings, BuiltTree
from orchestrator.project.archive import write
from orchestrator.project.bundle import make_bundle
from orchestrator.project.detect import detect
from tests.support.memory import high_water_bytes
from tests.support.node_apps import server_source

LARGE_FILES = 5
"""How many large files there are; every other one does not compress."""

SMALL_BYTES = 5200
_FILES_PER_PACKAGE = 50
_WORDS = (
    "const",
    "return",
    "function",
    "export",
    "class",
    "constructor",
    "private",
    "readonly",
    "string",
    "Promise",
)
_PACKAGE = {"name": "shop", "scripts": {"build": "true"}, "dependencies": {"@nestjs/core": "12.0.0"}}


def make(directory: Path, files: int, large_bytes: int) -> Path:
    """Write a tree and its bundle file.

    Args:
        directory: Where to.
        files: Small files (count).
        large_bytes: Length of each large file.
    """
    source, tree = directory / "source", directory / "built" / "app"
    source.mkdir(parents=True)
    (source / "package.json").write_text(json.dumps(_PACKAGE), encoding="utf-8")
    fill(tree, files, large_bytes)
    built = BuiltTree(tree, "dist/main.js", "24.21.0", 137, "linux-x64", "npm 11", True, 1, 1)
    bundle = make_bundle("shop", detect(source, BuildSettings()), built, datetime.now(UTC))
    file = directory / "big.bundle"
    write(bundle, file)
    return file


def fill(tree: Path, files: int, large_bytes: int) -> None:
    """Write the files: an app that answers, packages of JavaScript, and the large ones."""
    text = _text(1 << 20)
    for n in range(files):
        package = tree / "node_modules" / f"package-{n // _FILES_PER_PACKAGE}" / "lib"
        package.mkdir(parents=True, exist_ok=True)
        begin = n * 137 % (len(text) - SMALL_BYTES)
        content = f"// {n}\n".encode() + text[begin : begin + SMALL_BYTES]
        (package / f"file-{n % _FILES_PER_PACKAGE}.js").write_bytes(content)
    (tree / "dist").mkdir(parents=True, exist_ok=True)
    for n in range(LARGE_FILES):
        _write_large(tree / "dist" / f"large-{n}.bin", large_bytes, text, seed=n)
    (tree / "dist" / "main.js").write_text(server_source("big"), encoding="utf-8")
    (tree / "package.json").write_text("{}", encoding="utf-8")


def _write_large(path: Path, size: int, text: bytes, seed: int) -> None:
    made = random.Random(seed)  # noqa: S311 - content, no secret
    with path.open("wb") as file:
        for n in range(0, size, len(text)):
            part = made.randbytes(len(text)) if seed % 2 == 0 else text[n >> 10 :] + text[: n >> 10]
            file.write(part[: size - n])


def _text(size: int) -> bytes:
    made, lines, length = random.Random(1), [], 0  # noqa: S311 - content, no secret
    while length < size:
        lines.append(" ".join(made.choices(_WORDS, k=8)) + f" {made.randrange(10**6)};\n")
        length += len(lines[-1])
    return "".join(lines).encode()[:size]


if __name__ == "__main__":
    begin = time.monotonic()
    print(make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    print(json.dumps({"seconds": time.monotonic() - begin, "peak_bytes": high_water_bytes("self")}))
