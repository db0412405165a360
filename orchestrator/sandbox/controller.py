"""What sandbox hosts take over from this machine: extra CAs, apt mirrors and options, the npm registry.

All of it is read when an image is built and goes into the image only, which is this machine's own.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.sandbox import apt_sources
from orchestrator.sandbox.process import Runner

_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# How to reach a mirror; login data and client keys are left where they are.
_APT_OPTION = re.compile(
    r"Acquire::(https?::(?!.*Ssl)[\w:.-]*(Proxy|Timeout|Verify-\w+)[\w:.-]*|Check-Valid-Until|Check-Date|Retries|ForceIPv[46]"
    r"|Max-FutureTime) \"(?P<value>[^\"]+)\";",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What hosts need to reach what this machine reaches.

    Attributes:
        sources: Debian's archives.
        apt_options: Lines of apt.conf.
        certificates: File name to PEM text of extra CAs.
        keyrings: Path to content of keyrings that sources name and a fresh Debian does not have.
        npmrc: Text of /etc/npmrc; empty where this machine has no npm settings.
    """

    sources: tuple[apt_sources.Source, ...]
    apt_options: tuple[str, ...] = ()
    certificates: Mapping[str, str] | None = None
    keyrings: Mapping[str, bytes] | None = None
    npmrc: str = ""


def read(run: Runner, root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> Surroundings:
    """Look at this machine."""
    sources = apt_sources.debian_sources(_texts(_source_files(root / "etc/apt")))
    certificates = sorted((root / "usr/local/share/ca-certificates").rglob("*.crt"))
    return Surroundings(
        sources=sources,
        apt_options=apt_options(run(("apt-config", "dump")).stdout, environ),
        certificates={path.name: path.read_text("utf-8", errors="replace") for path in certificates},
        keyrings=_keyrings(sources, root),
        npmrc=npmrc(_npm_registry(run, environ)),
    )


def apt_options(dump: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The options of `apt-config dump` that a mirror needs, and the proxies of the environment that apt would use."""
    found = [line for line in dump.splitlines() if _APT_OPTION.fullmatch(line)]
    for scheme in ("http", "https"):
        proxy = environ.get(f"{scheme}_proxy", "")
        if proxy and not any(f"{scheme}::proxy " in line.lower() for line in found):
            found.append(f'Acquire::{scheme}::Proxy "{proxy}";')
    return tuple(found)


def npmrc(registry: str) -> str:
    """The npm settings of a host; empty without a registry."""
    return (
        f"registry={registry}\ncafile={_CA_BUNDLE}\n" if registry.startswith(("http://", "https://")) else ""
    )


def _npm_registry(run: Runner, environ: Mapping[str, str]) -> str:
    if not shutil.which("npm"):
        return environ.get("npm_config_registry", "")
    # --prefix: outside any project, whose settings are not the machine's.
    return run(("npm", "config", "get", "registry", "--prefix", "/")).stdout.strip()


def _source_files(directory: Path) -> tuple[Path, ...]:
    parts = directory / "sources.list.d"
    return (directory / "sources.list", *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources")))


def _texts(paths: Iterable[Path]) -> dict[str, str]:
    return {str(path): path.read_text("utf-8", errors="replace") for path in paths if path.is_file()}


def _keyrings(sources: Iterable[apt_sources.Source], root: Path) -> dict[str, bytes]:
    named = {dict(source.options).get("signed-by", "") for source in sources} - {
        "",
        apt_sources.ARCHIVE_KEYRING,
    }
    paths = {name: root / name.lstrip("/") for name in sorted(named)}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
