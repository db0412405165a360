"""gixy-ng on the configuration that nginx runs. It takes the module name `gixy`: it has an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.audits.conftest import ROOT, Audited

pytestmark = [pytest.mark.sandbox, pytest.mark.audit]

VENV = ROOT / "build" / "audits" / "gixy"

STAYS = {
    "default_server_flag": "the first server of a port is its default; two apps of a host must not both claim the flag",
    "missing_resolver": "the variable names one of the upstreams in the same file, never a name of the DNS",
    "try_files_is_evil_too": "it asks for open_file_cache, which would hide from nginx that a file has flipped pools",
}
"""Findings that stay, each with its reason; none of them is about security."""


def test_gixy_finds_nothing_but_what_stays(audited: Audited) -> None:
    """At any level; and what stays is still found."""
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
    levels = {one["plugin"]: one["severity"] for one in found}
    audited.figure("gixy", levels)
    assert [one for one in found if one["plugin"] not in STAYS] == []
    assert levels.keys() == STAYS.keys()
    assert "HIGH" not in levels.values()
