"""From one sandbox of several hosts to projects of one host each, so that no nginx balances over two contenders."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from benchmarks.contest.box import Box
from orchestrator.model.sandbox import SandboxStatus
from tests.support.vps import VPSDEPLOY

CONFIG = """app: hello-nest
instances: {instances}
port: 4000
health: {{path: /health/ready}}
limits: {{memory: 256M}}
release: {{drain_seconds: {drain}, watch_seconds: 0}}
"""
DRAIN_SECONDS = 5
"""The load keeps WebSockets open, so every old pool lives this long (the default is longer)."""

HTTP2 = "http2 on;\n"
"""For all of nginx: HTTP/1.1 and HTTP/2 in clear text on one port. Source: ngx_http_v2_module, http2 (1.25.1)."""


def boxes(sandbox: SandboxStatus, directory: Path) -> list[Box]:
    """The hosts, in the order of their names."""
    stage = directory / "inventories" / sandbox.name
    inventory = yaml.safe_load((stage / "hosts.yml").read_text())["all"]
    key = Path(inventory["vars"]["ansible_ssh_private_key_file"])
    return [
        Box(name, fields["ansible_host"], key, stage / "known_hosts")
        for name, fields in sorted(inventory["hosts"].items())
    ]


def project(directory: Path, box: Box, instances: int) -> Path:
    """Write a project whose only stage is one host.

    Args:
        directory: Made where it is missing.
        box: The host.
        instances: How many ports nginx knows for each pool.
    """
    stage = directory / "inventories" / "bench"
    stage.mkdir(parents=True, exist_ok=True)
    (directory / "vpsdeploy.yml").write_text(CONFIG.format(instances=instances, drain=DRAIN_SECONDS))
    shutil.copy(box.known_hosts, stage / "known_hosts")
    variables = {
        "ansible_user": "root", "ansible_host": box.address, "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(box.key), "vpsdeploy_private_address": box.address,
        # The peers set up their half as root, as their own guides do, and pull from a git daemon.
        "vpsdeploy_root_login": True, "firewall_allow": [{"port": 9418}],
    }  # fmt: skip
    groups: dict[str, dict[str, dict[str, object]]] = {
        group: {"hosts": {box.name: {}}} for group in ("app", "loadbalancer")
    }
    tree = {"all": {"hosts": {box.name: variables}, "children": groups}}
    (stage / "hosts.yml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return directory


def provision(directory: Path, box: Box) -> None:
    """Our roles, and HTTP/2 in clear text, which only the benchmark needs.

    Raises: RuntimeError: with what the command said.
    """
    done = subprocess.run(
        [VPSDEPLOY, "provision", "host", "--project", directory], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-4000:] + done.stderr[-4000:])
    box.run(
        "cat > /etc/nginx/conf.d/bench-http2.conf && nginx -t -q && systemctl reload nginx", HTTP2.encode()
    )
