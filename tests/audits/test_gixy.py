"""gixy-ng on the configuration that nginx runs. It takes the module name `gixy`: it has an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.audits.conftest import ROOT, Audited

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

VENV = ROOT / "build" / "audits" / "gixy"


def test_gixy_finds_nothing(audited: Audited) -> None:
    """At any level."""
    if not (VENV / "bin/gixy").exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "-qq", "gixy-ng"], check=True)
    dump = audited.reports / "nginx.conf"
    dump.write_text(audited.on("nginx", "-T"))
    judged = subprocess.run(
        [VENV / "bin/gixy", "-f", "json", dump], capture_output=True, text=True, check=False
    )
    audited.keep("gixy.json", judged.stdout)
    found = json.loads(judged.stdout)
    audited.figure("gixy", len(found))
    assert found == [], json.dumps(found, indent=1)
