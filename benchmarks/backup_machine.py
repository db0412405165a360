"""How much slower the app answers while a backup runs, on a host with a kernel of its own, which has weights.

python -m benchmarks.backup_machine [--rounds 3] [--changed 32]

The host is a machine under qemu with one processor, so that the other core of this machine is the clients'. Emulated
where this machine has no KVM, so the seconds say nothing about a server; what counts is the comparison: without a
backup, with one as the role writes it, and with one in system.slice, in turns.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.backup import CONFIG, DROP_IN, OURS, P99_LIMIT, SERVICES, VARIANTS
from benchmarks.meanwhile import Round, Server, measure
from tests.support import virtual
from tests.support.node_apps import bundle
from tests.support.vps import project_on_sandbox

NAME, HOST, BUILDER = "bench-machine", "web-1", "web-2"


def main() -> None:
    """Measure, print a line for each variant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each variant (count)")
    parser.add_argument("--changed", type=int, default=32, help="of new files each round (mebibytes)")
    asked = parser.parse_args()
    each = Round(
        clients=4, period_seconds=0.25, without_seconds=60, mebibytes=asked.changed, rows=asked.changed * 500
    )
    with (
        tempfile.TemporaryDirectory() as directory,
        project_on_sandbox(Path(directory) / "project", NAME, hosts=2, config=(*CONFIG, SERVICES)) as project,
    ):
        project.leave_out(BUILDER)
        project.json("provision", "host")
        project.json("release", "--bundle", str(bundle(project.path, "good")))
        place = Path(directory) / "machine"
        twin, machine = virtual.twin(project, HOST, BUILDER, place, 80)
        with virtual.running(machine, processors=1):
            twin.json("provision", "host", "--full")
            variants = {name: partial(machine.run, DROP_IN, settings) for name, settings in VARIANTS.items()}
            server = Server((virtual.HERE, machine.ports[80]), machine.run, machine.shell)
            times = measure(server, each, asked.rounds, variants)
            print(f"p99 {times[OURS]:.2f} x (limit {P99_LIMIT} x)", flush=True)


if __name__ == "__main__":
    main()
