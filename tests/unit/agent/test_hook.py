"""The verb `hook`, with a systemd-run that starts the command itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.agent.verbs import hook
from tests.unit.agent.conftest import RELEASES, Host

FAKE = """#!/bin/sh
# Stands in for systemd-run: keeps its arguments and the environment file, and runs the command.
for word; do
  printf '%s\\n' "$word" >> "$FAKE_LOG"
  case $word in --property=EnvironmentFile=*) file=${word#--property=EnvironmentFile=};; esac
done
cp "$file" "$FAKE_LOG.env"
while [ "$1" != -- ]; do shift; done
shift; set -a; . "$file"; set +a
exec "$1" "$2" "$3" "$4" "$(printf %s "$5" | sed 's/[$][$]/$/g')"
"""


@pytest.fixture(name="log")
def _log(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live release, and where the stand-in keeps its arguments."""
    host.app.unit_file.write_text("[Service]\nUser=shop\nExecStart=/x\nProtectSystem=strict\n")
    host.live(RELEASES[0], "green")
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "systemd-run"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_a_hook_passes_on_its_output_and_learns_what_goes_on(host: Host, log: Path) -> None:
    """Line by line; variables come in a file that is gone afterwards, none on the command line."""
    answer = host.call(
        "hook", command='echo "$VPSDEPLOY_PHASE"; echo two >&2', timeout_seconds=9, release=RELEASES[0],
        env={"VPSDEPLOY_PHASE": "after_gate"},
    )  # fmt: skip
    assert (answer["event"], answer["release"]) == ("result", RELEASES[0])
    assert [line["line"] for line in host.lines[:-1]] == ["after_gate", "two"]
    words = log.read_text().splitlines()
    assert "--property=RuntimeMaxSec=9" in words
    assert "--property=ProtectSystem=strict" in words
    assert "--property=User=shop" in words
    assert "VPSDEPLOY_PHASE=" not in log.read_text()
    assert list(host.layout.run.glob("*.env")) == []
    assert stat.S_IMODE((Path(f"{log}.env")).stat().st_mode) & 0o077 == 0 or os.getuid() == 0


def test_a_hook_that_fails_stops_the_release_with_its_tail(host: Host, log: Path) -> None:
    """The exit code, and what it wrote last."""
    answer = host.call("hook", command="seq 30; exit 3", timeout_seconds=9)
    assert (answer["kind"], answer["what"]) == ("ReleaseFailed", "a hook failed")
    assert answer["why"].splitlines()[0] == "seq 30; exit 3: it ended with exit code 3; its last lines:"
    assert answer["why"].splitlines()[-1] == "30"
    assert log.exists()


def test_without_a_release_there_is_no_directory_to_run_in(host: Host) -> None:
    """A first release that failed: a hook of on_failure says so."""
    assert "no release is live yet" in host.call("hook", command="x", timeout_seconds=9)["why"]


@pytest.mark.parametrize("env", [["x"], {"PATH": "x"}, {"VPSDEPLOY_X": 1}, {"LD_PRELOAD": "x"}])
def test_only_our_own_variables_can_be_handed_in(host: Host, log: Path, env: object) -> None:
    """The sandbox is the app's: nothing else of its environment is the caller's."""
    assert host.call("hook", command="true", timeout_seconds=9, env=env)["kind"] == "UsageError"
    assert not log.exists()


def test_a_hook_has_an_end(host: Host) -> None:
    """Longer than an hour is refused."""
    assert host.call("hook", command="true", timeout_seconds=3601)["kind"] == "UsageError"
    assert hook._MOST_SECONDS == 3600
