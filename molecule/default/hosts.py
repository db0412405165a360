"""Bring the hosts of one Molecule scenario up or down: `hosts.py up`, `hosts.py down`.

Molecule says which scenario it is through its environment; MOLECULE_DEBIAN (12 or 13), SANDBOX_HOSTS and
SANDBOX_LOADBALANCERS say what its hosts are like. The stage's files go to the scenario's ephemeral directory.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from orchestrator.errors import VpsdeployError
from orchestrator.sandbox.spec import SandboxSpec
from orchestrator.workflows import sandbox


def spec() -> SandboxSpec:
    """The sandbox of this scenario, Debian version and checkout: runs side by side never meet."""
    debian = os.environ.get("MOLECULE_DEBIAN", "13")
    directory = os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]
    digest = hashlib.sha256(directory.encode()).hexdigest()[:6]
    return SandboxSpec(
        name=f"mol-{os.environ['MOLECULE_SCENARIO_NAME'][:12]}-{debian}-{digest}",
        hosts=int(os.environ.get("SANDBOX_HOSTS", "1")),
        loadbalancers=int(os.environ.get("SANDBOX_LOADBALANCERS", "0")),
        debian=int(debian),
        remove_extra=True,
        inventory_dir=Path(directory) / "sandbox",
    )


def main(verb: str) -> int:
    """Do it; on failure the error's lines and its exit code."""
    wanted = spec()
    try:
        if verb == "up":
            sandbox.up(wanted, Path.cwd(), print)
        else:
            sandbox.down(wanted.name, progress=print)
    except VpsdeployError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
