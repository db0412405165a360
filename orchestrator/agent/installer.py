"""The unit that a package manager runs in: nobody's user, limits, network, and nothing of the apps to be seen."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from orchestrator.agent.call import Call
from orchestrator.agent.failures import ReleaseFailed
from orchestrator.agent.layout import NODES
from orchestrator.agent.manifest import HostInstall

TIMEOUT_SECONDS = 900
MOST_MEMORY_BYTES = 1 << 30
"""A `npm ci` of a Nest app takes about 300 MiB, one that compiles more (our choice)."""

_LEAST_MEMORY_BYTES = 256 << 20
_STAGE = "/run/vpsdeploy-install"
_TAIL_LINES = 30
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_NPMRC = Path("/etc/npmrc")

_COMMANDS = {
    "npm": "ci --omit=dev --no-audit --no-fund",
    "pnpm": "install --prod --frozen-lockfile --config.extend-node-path=false",
    "yarn": "workspaces focus --all --production",
    "yarn 1": "install --frozen-lockfile --production --non-interactive",
}

# TMPDIR: managers put programs there, and none runs in /tmp.
_SCRIPT = """\
set -eu
cd "$CACHE_DIRECTORY"
export HOME="$CACHE_DIRECTORY" TMPDIR="$CACHE_DIRECTORY/tmp"
mkdir tmp tree
cd tree
cp -R "$STAGE/project/." .
node "$STAGE/manager/$PROGRAM" $ARGUMENTS
exec node -e "$(cat "$STAGE/probe.js")"
"""

_PROBE = """\
const fs = require('node:fs'), path = require('node:path');
const here = (...words) => path.join('node_modules', ...words);
const list = (dir) => { try { return fs.readdirSync(dir); } catch { return []; } };
const names = list(here()).flatMap((n) => n.startsWith('@') ? list(here(n)).map((m) => n + '/' + m) : [n]);
const compiled = (dir, depth = 3) => list(dir).some((n) => n.endsWith('.node')
  || (depth > 0 && n !== 'node_modules' && compiled(path.join(dir, n), depth - 1)));
const native = names.filter((n) => fs.existsSync(here(n, 'package.json'))
  && (fs.existsSync(here(n, 'binding.gyp')) || compiled(here(n))));
const load = (n) => import(n).then(() => 0, (e) => { console.error(`native module ${n}: ${e.message}`); return 1; });
Promise.all(native.map(load)).then((bad) => process.exit(bad.includes(1) ? 86 : 0));
"""
"""Loads each package that has compiled code, or what makes it: one that was not built comes out now, not in production.

Source: practice of the field; npm 12 skips install scripts that nobody approved, and ends with 0.
"""

_UNLOADABLE = 86
"""Exit code of the probe where a native module does not load (our choice)."""


def run(call: Call, how: HostInstall, node: str, stage: Path) -> Path:
    """Install what `stage` says. Returns: the tree that was made.

    Raises: ReleaseFailed: with the last lines that were printed.
    """
    (stage / "probe.js").write_text(_PROBE)
    clean(call)
    options = [f"--property={line}" for line in properties(call, stage)]
    options += [f"--setenv={line}" for line in _environment(how, node)]
    script = _SCRIPT.replace("$", "$$")  # else systemd fills in ${NAME}
    done = call.systemd.run_to_end(_name(call), ["/bin/sh", "-c", script], options)
    if done.code != 0:
        raise _failed(done.code, done.output + done.errors, how)
    return _directory(call) / "tree"


def clean(call: Call) -> None:
    """Remove what a unit made, also one of a controller that is gone."""
    call.systemd.stop([f"{_name(call)}.service"])
    shutil.rmtree(_directory(call), ignore_errors=True)


def properties(call: Call, stage: Path) -> list[str]:
    """Of the unit. The user is nobody else's: neither root, nor the app's, and gone afterwards."""
    memory = (call.layout.proc / "meminfo").read_text().split(None, 2)[1]
    most = max(_LEAST_MEMORY_BYTES, min(MOST_MEMORY_BYTES, int(memory) * 1024 // 2))
    return [
        "DynamicUser=yes", f"CacheDirectory={_name(call)}", "CacheDirectoryMode=0700",
        f"BindReadOnlyPaths={stage}:{_STAGE}", "InaccessiblePaths=-/srv -/etc/vpsdeploy -/var/lib/vpsdeploy",
        "ProtectHome=yes", "PrivateDevices=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes",
        "ProtectControlGroups=yes", "CapabilityBoundingSet=", "RestrictNamespaces=yes", "LockPersonality=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictSUIDSGID=yes", "NoNewPrivileges=yes",
        f"MemoryMax={most}", "MemorySwapMax=0", "CPUQuota=100%", "CPUWeight=20", "IOWeight=20", "TasksMax=256",
        f"RuntimeMaxSec={TIMEOUT_SECONDS}", "Nice=10",
    ]  # fmt: skip


def _environment(how: HostInstall, node: str) -> list[str]:
    lines = [
        f"PATH={NODES}/v{node}/bin:/usr/local/bin:/usr/bin:/bin", f"STAGE={_STAGE}", f"PROGRAM={how.program}",
        f"ARGUMENTS={_arguments(how)}", "CI=true", "HUSKY=0", "NO_COLOR=1",
        f"npm_config_globalconfig={_NPMRC}", "npm_config_update_notifier=false", "YARN_ENABLE_GLOBAL_CACHE=false",
    ]  # fmt: skip
    if _CERTIFICATES.is_file():
        lines.append(f"NODE_EXTRA_CA_CERTS={_CERTIFICATES}")
    if registry := _registry():
        names = ("npm_config_registry", "pnpm_config_registry", "YARN_NPM_REGISTRY_SERVER")
        lines += [f"{name}={registry}" for name in names]
    return lines


def _arguments(how: HostInstall) -> str:
    is_classic = how.manager == "yarn" and how.version.startswith("1.")
    return _COMMANDS["yarn 1" if is_classic else how.manager]


def _registry() -> str:
    """What the host's npm is told; not every manager reads its file."""
    text = _NPMRC.read_text(errors="replace") if _NPMRC.is_file() else ""
    found = re.findall(r"^\s*registry\s*=\s*(\S+)", text, re.MULTILINE)
    return found[-1] if found else ""


def _name(call: Call) -> str:
    """Of the unit, and of its directory."""
    return f"vpsdeploy-install-{call.app.name}"


def _directory(call: Call) -> Path:
    """Where systemd keeps the cache of a user that comes and goes."""
    return call.layout.root / "var/cache/private" / _name(call)


def _failed(code: int, output: str, how: HostInstall) -> ReleaseFailed:
    tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:]) or "(it wrote nothing)"
    if code == _UNLOADABLE:
        return ReleaseFailed(
            "native modules do not load", why=tail, state="nothing was changed",
            next=f"allow their install scripts ({how.manager}: allowScripts, allowBuilds or onlyBuiltDependencies), or "
            "install the compiler and libraries that they need on the host",
        )  # fmt: skip
    return ReleaseFailed(
        "the dependencies cannot be installed",
        why=f"{how.manager} {how.version} ended with {code}; its last lines:\n{tail}",
        state="nothing was changed",
        next="see that the host reaches its npm registry (/etc/npmrc)",
    )
