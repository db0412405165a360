"""The floor of a first provision: the same packages by one plain apt-get, and the same Node by one plain download."""

from __future__ import annotations

import time

from orchestrator.workflows import sandbox

_TIMEOUT_SECONDS = 600

_FETCH_NODE = """
import io, json, os, platform, tarfile, urllib.request
for file in ("/etc/npmrc", "/root/.npmrc"):
    if os.path.exists(file):
        for line in open(file):
            if line.startswith("registry"):
                registry = line.split("=", 1)[1].strip().rstrip("/") + "/"
package = "node-linux-" + {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
ask = urllib.request.Request(registry + package, headers={"Accept": "application/vnd.npm.install-v1+json"})
url = json.load(urllib.request.urlopen(ask))["versions"]["VERSION"]["dist"]["tarball"]
tarfile.open(fileobj=io.BytesIO(urllib.request.urlopen(url).read())).extractall("/opt/floor", filter="data")
"""


def seconds(name: str, provisioned: str, twin: str) -> float:
    """Bring a bare twin to the packages and the Node of a provisioned host, the plainest way there is."""
    packages = sorted(_packages(name, provisioned) - _packages(name, twin))
    version = _on(name, provisioned, "ls", "/opt/node").split()[-1].removeprefix("v")
    began = time.monotonic()
    _on(name, twin, "apt-get", "update", "-q")
    _on(
        name,
        twin,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-qy",
        "--no-install-recommends",
        *packages,
    )
    _on(name, twin, "python3", "-c", _FETCH_NODE.replace("VERSION", version))
    return time.monotonic() - began


def _packages(name: str, host: str) -> set[str]:
    return set(
        _on(name, host, "dpkg-query", "-f", "${db:Status-Abbrev}${Package}\\n", "-W")
        .replace("ii ", "")
        .split()
    )


def _on(name: str, host: str, *argv: str) -> str:
    return sandbox.run(name, host, argv, timeout_seconds=_TIMEOUT_SECONDS).stdout
