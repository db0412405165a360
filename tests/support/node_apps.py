"""Bundles of tiny Node apps that behave well, or badly in one way each: no registry, no build, quick to release."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.model.bundle import Bundle, BundleFile, Manifest
from orchestrator.project.archive import write
from orchestrator.transport import listing

_INSTALL_SECONDS = 600
SLOW_SECONDS = 25
"""How long /slow takes to answer: longer than a release and a rollback do on a busy machine."""

_SERVER = """
const http = require('node:http');
const health = (res) => { HEALTH };
let served = 0;
const trouble = (req, res) => { TROUBLE };
const server = http.createServer((req, res) => {
  if (req.url === '/health') return health(res);
  served += 1;
  if (trouble(req, res)) return;
  if (req.url === '/slow') return setTimeout(() => res.end('slow'), SLOW_SECONDS * 1000);
  let body = '';
  req.on('data', (chunk) => { body += chunk; });
  req.on('end', () => { res.setHeader('content-type', 'application/json');
    res.end(body || JSON.stringify({ text: 'TEXT', release: process.env.VPSDEPLOY_RELEASE, pid: process.pid })); });
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));
LISTEN
"""
_LISTEN = "server.listen(Number(process.env.PORT), () => console.log('listening: TEXT'));"
BEHAVIOURS = {
    "good": ("res.end('ok')", _LISTEN),
    "answers 404": ("res.statusCode = 404; res.end()", _LISTEN),
    "answers 503": ("res.statusCode = 503; res.end()", _LISTEN),
    "hangs": ("", _LISTEN),
    "never listens": ("res.end('ok')", "setInterval(() => undefined, 1000);"),
    "crashes at boot": ("res.end('ok')", "throw new Error('no database: TEXT');"),
}
"""How an instance answers its health path, and how it listens. All but "good" fail the gate, on every host."""

_EATEN = "const eaten = []; const eat = () => eaten.push(Array.from({ length: 1 << 20 }, Math.random));"
_LIMIT = "require('node:v8').setFlagsFromString('--max-old-space-size=48');"
PECULIAR = {
    "boots slowly": (f"setTimeout(() => {{ {_LISTEN} }}, 3000);", ""),
    "crashes at boot on web-2": (
        f"if (require('node:os').hostname() === 'web-2') throw new Error('no database: TEXT'); {_LISTEN}",
        "",
    ),
    "runs out of memory at boot": (f"{_LIMIT} {_EATEN} for (;;) eat();", ""),
    "runs out of memory under traffic": (f"{_LIMIT} {_EATEN} {_LISTEN}", "if (served > 10) eat();"),
    "crashes under traffic": (_LISTEN, "if (served > 20) throw new Error('cannot go on: TEXT');"),
    "answers 500 under traffic": (
        _LISTEN,
        "if (served > 5) { req.resume(); res.statusCode = 500; res.end('broken'); return true; }",
    ),
    "ignores SIGTERM": (
        f"{_LISTEN} process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => undefined);",
        "",
    ),
}
"""Healthy where they come to listen at all: how they listen, and what they do before they answer a request."""


def server_source(text: str, behaviour: str = "good") -> str:
    """The app: what it answers, and how it behaves."""
    listen, trouble = PECULIAR.get(behaviour) or (BEHAVIOURS[behaviour][1], "")
    health, _ = BEHAVIOURS.get(behaviour, BEHAVIOURS["good"])
    source = _SERVER.replace("HEALTH", health).replace("LISTEN", listen).replace("TROUBLE", trouble)
    source = source.replace("TEXT", text)
    return source.replace("SLOW_SECONDS", str(SLOW_SECONDS))


def modules(place: Path, *names: str) -> dict[str, str]:
    """Packages of the registry and what they need, as a bundle carries them: by their paths."""
    place.mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", *names, "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=place, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    files = (path for path in (place / "node_modules").rglob("*") if path.suffix in (".js", ".cjs", ".json"))
    return {str(path.relative_to(place)): path.read_text() for path in files if path.is_file()}


def bundle(
    directory: Path, text: str, behaviour: str = "good", ballast_bytes: int = 0, app: str = "shop",
    more: Mapping[str, str] | None = None, platform: str = "any",
) -> Path:  # fmt: skip
    """Write a bundle file.

    Args:
        directory: Where to.
        text: What the app answers on /.
        behaviour: A key of BEHAVIOURS or of PECULIAR.
        ballast_bytes: Size of a further file that does not compress.
        app: The app's name.
        more: Further files by their paths.
        platform: That its native modules are for.
    """
    tree = directory / f"tree-{text}"
    contents = {"dist/main.js": server_source(text, behaviour).encode(), "package.json": b"{}"}
    contents |= {name: content.encode() for name, content in (more or {}).items()}
    if ballast_bytes:
        contents["ballast"] = b"".join(
            hashlib.sha512(n.to_bytes(8)).digest() for n in range(ballast_bytes // 64)
        )
    for name, content in contents.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    files = (
        BundleFile(name, hashlib.sha256(content).hexdigest(), len(content))
        for name, content in sorted(contents.items(), key=lambda item: item[0].split("/"))
    )
    written = listing.write(directory / f"{text}.files.jsonl", files)
    manifest = Manifest(
        app=app, revision=text, subject=f"say {text}", digest=written.digest, entry="dist/main.js",
        node_request="lts", node_abi=0, platform=platform, built_at=datetime.now(UTC).isoformat(),
        files=written.files, size_bytes=written.size_bytes,
    )  # fmt: skip
    file = directory / f"{text}.bundle"
    write(Bundle(manifest, directory / f"{text}.files.jsonl", tree), file)
    return file
