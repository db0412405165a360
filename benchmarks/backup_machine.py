"""How much slower the app answers while a backup runs, on a host with a kernel of its own, which has weights.

python -m benchmarks.backup_machine [--rounds 3] [--changed 32]

The host is a machine under qemu with one processor, so that the other core of this machine is the clients'. Emulated
where this machine has no KVM, so the seconds say nothing about a server; what counts is the comparison: the unit as the
role writes it, and the same with the weights taken away, one after the other: a difference within what the figure
without a backup varies by shows nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.backup import CONFIG, P99_LIMIT, SERVICES
from benchmarks.meanwhile import UNIT, Round, measure
from tests.support import virtual
from tests.support.node_apps import bundle
from tests.support.vps import project_on_sandbox

NAME, HOST, BUILDER = "bench-machine", "web-1", "web-2"
DROP_IN = f"/run/systemd/system/{UNIT}.d/weights.conf"
VARIANTS = {
    "as the role writes it": "",
    "without weights": "Nice=0\nCPUWeight=100\nIOWeight=100\nIOSchedulingClass=best-effort\n",
}
_SET = f"""\
rm -rf {DROP_IN}; mkdir -p $(dirname {DROP_IN})
[ -z "$1" ] || printf '[Service]\\n%s' "$1" > {DROP_IN}
systemctl daemon-reload
"""


def main() -> None:
    """Measure, print a few lines for each variant."""
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
            for name, settings in VARIANTS.items():
                machine.run(_SET, settings)
                times, seen = measure(machine.run, (virtual.HERE, machine.ports[80]), each, asked.rounds)
                print(f"{name}: {seen}\np99 {times:.2f} x (limit {P99_LIMIT} x)\n", flush=True)


if __name__ == "__main__":
    main()
