"""What the TypeScript sources say: a health route, shutdown hooks."""

from __future__ import annotations

import re
from pathlib import Path

_CONTROLLER = re.compile(r"@Controller\(\s*(?:\{[^}]*path:\s*)?(?:['\"`]([^'\"`]*)['\"`])?")
_GET = re.compile(r"@Get\(\s*(?:['\"`]([^'\"`]*)['\"`])?\s*\)")
_PREFIX = re.compile(r"setGlobalPrefix\(\s*['\"`]([^'\"`]+)['\"`]")
_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
_HEALTH_WORDS = ("health", "healthz", "ready", "readyz", "live", "livez")
_PREFERENCE = ("/health/ready", "/health", "/healthz", "/ready", "/readyz")


def read_sources(root: Path, source_roots: tuple[str, ...]) -> str:
    """All TypeScript under the source roots as one text, comments left out, tests left out."""
    files = {f for part in source_roots for f in sorted((root / part).rglob("*.ts")) if _is_source(f)}
    return "\n".join(_COMMENT.sub("", f.read_text(encoding="utf-8", errors="replace")) for f in sorted(files))


def _is_source(path: Path) -> bool:
    return "node_modules" not in path.parts and not path.name.endswith((".d.ts", "spec.ts", "test.ts"))


def has_shutdown_hooks(text: str) -> bool:
    """Whether the app asks Nest to close it on SIGTERM."""
    return "enableShutdownHooks(" in text


def health_path(text: str) -> str:
    """The likeliest health route: readiness first, then the shortest; empty where there is none."""
    paths = [p for p in _routes(text) if any(part in _HEALTH_WORDS for part in p.split("/"))]
    prefix = _PREFIX.search(text)
    start = f"/{prefix[1].strip('/')}" if prefix else ""
    ranked = sorted(paths, key=lambda p: (_rank(p), len(p), p))
    return start + ranked[0] if ranked else ""


def _rank(path: str) -> int:
    return _PREFERENCE.index(path) if path in _PREFERENCE else len(_PREFERENCE)


def _routes(text: str) -> set[str]:
    found = set()
    starts = [*_CONTROLLER.finditer(text)]
    for number, controller in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        for get in _GET.finditer(text, controller.end(), end):
            parts = [part.strip("/") for part in (controller[1] or "", get[1] or "") if part.strip("/")]
            found.add("/" + "/".join(parts))
    return found
