"""Progress is a table on a terminal, lines elsewhere, JSON lines on request."""

from __future__ import annotations

import io
import json
import sys

import pytest

from orchestrator.model.provision import HostProgress, Output, TaskEnded, TaskFailure, TaskStatus
from orchestrator.report import provision_progress
from orchestrator.report.provision_progress import JsonLines, Lines, LiveTable

AT = HostProgress("web-1", 3, 9, "Files", changed=1)
CHANGED = TaskEnded("web-1", "Files", TaskStatus.CHANGED, 0.42, 1)
OK = TaskEnded("web-1", "Files", TaskStatus.OK, 0.42, 1)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """As a terminal answers."""
        return True


def test_lines_show_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """A task that changed nothing is silent, a started one too."""
    lines = Lines()
    lines.host(AT, None)
    lines.host(AT, OK)
    lines.host(AT, CHANGED)
    lines.output(Output("PLAY [all]"))
    assert capsys.readouterr().err == "web-1  3 of 9  Files: changed  0.4 s\n"


def test_verbose_lines_show_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Every task and Ansible's own text."""
    lines = Lines(verbose=True)
    lines.host(AT, OK)
    lines.output(Output("PLAY [all]"))
    assert capsys.readouterr().err == "web-1  3 of 9  Files: ok  0.4 s\nPLAY [all]\n"


def test_json_lines_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    """One object for each ended task, marked as an event."""
    JsonLines().host(AT, None)
    JsonLines().host(AT, CHANGED)
    assert json.loads(capsys.readouterr().out) == {
        "schema": "vpsdeploy/1", "kind": "task", "event": True, "host": "web-1", "task": "Files", "status": "changed",
        "n": 3, "of": 9, "changed": 1, "failed": 0, "seconds": 0.42, "module_calls": 1,
    }  # fmt: skip


def test_the_table_has_a_row_for_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is shown hosts, positions, task names, and failures above the table."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    failed = TaskEnded("web-2", "Packages", TaskStatus.FAILED, failure=TaskFailure("web-2", "Packages", "x"))
    with LiveTable(("web-1", "web-2")) as table:
        table.host(AT, None)
        table.host(HostProgress("web-2", 2, 9, "Packages", failed=1), failed)
        table.output(Output("PLAY [all]"))
    shown = terminal.getvalue()
    assert "web-2: Packages: failed" in shown
    assert "3 of 9" in shown
    assert "PLAY" not in shown


def test_the_form_fits_who_is_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON wins, a terminal gets the table, everything else lines; verbose is lines too."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(provision_progress.choose(("a",), as_json=True, verbose=False), JsonLines)
    assert isinstance(provision_progress.choose(("a",), as_json=False, verbose=False), Lines)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(provision_progress.choose(("a",), as_json=False, verbose=False), LiveTable)
    assert isinstance(provision_progress.choose(("a",), as_json=False, verbose=True), Lines)


@pytest.mark.parametrize(("n", "of", "shown"), [(3, 9, "3 of 9"), (3, 0, "3"), (11, 9, "11 of 11")])
def test_position(n: int, of: int, shown: str) -> None:
    """The total is left out where it is unknown, and never smaller than the position."""
    assert provision_progress.position(HostProgress("web-1", n, of)) == shown
