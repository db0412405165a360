"""Run Molecule scenarios side by side, each on sandbox hosts of its own.

    python molecule/run.py                          every role on Debian 13, the whole site on Debian 12
    python molecule/run.py --debian 12 nginx app    these scenarios on Debian 12

Prints one line per scenario as it ends, the tail of the output where it failed, and last "N passed, N failed".
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHOLE = "site"
TAIL_LINES = 60
LIMIT_SECONDS = 1200
JOBS = 2
"""Scenarios at the same time: one per core of the smallest machine that runs the tests."""


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario on one Debian."""

    scenario: str
    debian: str

    @property
    def name(self) -> str:
        """For people and for files."""
        return f"{self.scenario}-debian{self.debian}"


def scenarios() -> list[str]:
    """Every scenario but `default`, which only owns create and destroy; the longest one first."""
    found = sorted(path.parent.name for path in HERE.glob("*/molecule.yml") if path.parent.name != "default")
    return sorted(found, key=lambda name: name != WHOLE)


def matrix(names: list[str], debians: list[str]) -> list[Job]:
    """The jobs; without --debian every role runs on 13 and the whole site on 12."""
    return [Job(n, d) for n in names for d in debians or (["12"] if n == WHOLE else ["13"])]


def run(job: Job, logs: Path) -> tuple[Job, bool, float]:
    """Run one scenario to its end, its output in a file of its own."""
    begin = time.monotonic()
    environment = {
        **os.environ,
        "MOLECULE_DEBIAN": job.debian,
        "MOLECULE_EPHEMERAL_DIRECTORY": str(logs / f"{job.name}.state"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (logs / f"{job.name}.log").open("wb") as log:
        command = ["molecule", "test", "-s", job.scenario]
        try:
            done = subprocess.run(
                command, cwd=HERE.parent, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS, check=False,
            )  # fmt: skip
            passed = done.returncode == 0
        except subprocess.TimeoutExpired:
            passed = False
    return job, passed, time.monotonic() - begin


def report(job: Job, passed: bool, seconds: float, logs: Path) -> None:
    """One line, and the end of the output where it failed."""
    print(f"{'passed' if passed else 'FAILED'}  {job.name:<24} {seconds:5.0f} s", flush=True)
    if not passed:
        lines = (logs / f"{job.name}.log").read_text(errors="replace").splitlines()
        print("\n".join(f"    {line}" for line in lines[-TAIL_LINES:]), flush=True)


def main() -> int:
    """The matrix; exit 1 where a scenario failed or none was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debian", action="append", default=[], choices=["12", "13"])
    parser.add_argument("scenario", nargs="*")
    chosen = parser.parse_args()
    jobs = matrix(chosen.scenario or scenarios(), chosen.debian)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="vpsdeploy-molecule-") as directory:
        logs = Path(directory)
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            for ended in concurrent.futures.as_completed([pool.submit(run, job, logs) for job in jobs]):
                report(*ended.result(), logs)
                failed += not ended.result()[1]
    print(f"molecule: {len(jobs) - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
