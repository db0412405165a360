"""The histories of several hosts as one story."""

from __future__ import annotations

from typing import Any

from orchestrator.facts import history
from orchestrator.report import history as report

A, B = "20261101000000-aaaaaaaa", "20261102000000-bbbbbbbb"
ONE, TWO = "1111111111111111", "2222222222222222"
PROOF = {"requests": 120, "failed": 0, "p50_ms": 2.5, "p99_ms": 9.0, "failures": [], "unreachable": []}


def line(verb: str, at: str, change: str = ONE, **more: Any) -> dict[str, Any]:
    """One line of a host."""
    base = {"time": f"2026-11-02T10:{at}Z", "verb": verb, "by": "ann@laptop", "from": None, "to": None}
    return base | {"result": "done", "figures": {}, "change": change} | more


def summary(at: str, change: str = ONE, **more: Any) -> dict[str, Any]:
    """What a controller told at the end of a release."""
    figures = {
        "began_at": "2026-11-02T10:00:00Z",
        "seconds": 3.21,
        "error": None,
        "proof": PROOF,
        "warnings": [],
    }
    told = {"from": A, "to": B, "result": "live", "figures": figures, "summary": True}
    return line("release", at, change, **(told | more))


def test_a_change_of_several_hosts_is_one_entry() -> None:
    """With who, what, from, to, result and figures as the controller told them."""
    both = [line("start", "00:01"), line("confirm", "00:03", to=B), summary("00:04")]
    (change,) = history.parse(
        {"web-1": both, "web-2": both, "lb-1": [line("flip", "00:02"), summary("00:04")]}
    )
    assert (change.by, change.command, change.source, change.target) == ("ann@laptop", "release", A, B)
    assert (change.result, change.seconds, change.hosts) == ("live", 3.21, ("web-1", "web-2", "lb-1"))
    assert change.figures["proof"] == PROOF
    assert len(change.lines) == 8


def test_changes_are_told_newest_first() -> None:
    """By the time when they began, whichever host was first to write."""
    told = {"web-1": [line("lock", "00:00"), line("unlock", "05:00", TWO)]}
    assert [change.command for change in history.parse(told)] == ["unlock", "lock"]


def test_a_release_whose_controller_died_is_told_by_what_the_hosts_did() -> None:
    """Taken back by a timer or at boot: returned; confirmed: live; neither: interrupted."""
    begun = [line("start", "00:01", to=B), line("flip", "00:02", **{"from": "blue", "to": "green"})]
    back = line("return", "01:02", by="timer of ann@laptop", **{"from": "green", "to": "blue"})
    results = [
        history.parse({"web-1": [*begun, *last]})[0].result
        for last in ([back], [line("confirm", "00:03", to=B)], [])
    ]
    assert results == ["returned", "live", history.INTERRUPTED]


def test_a_return_by_somebody_else_is_in_the_notes() -> None:
    """The story says that it was the host's timer, and when."""
    back = line("return", "01:02", by="timer of ann@laptop")
    changes = history.parse({"lb-1": [line("flip", "00:02"), back]})
    assert "taken back on lb-1 by timer of ann@laptop at 2026-11-02T10:01:02Z" in report.text(changes, {})


def test_lines_without_an_id_stand_alone() -> None:
    """An agent of before wrote none: they are told one by one, not mixed into one change."""
    old = [line("flip", "00:02", change=""), {**line("confirm", "00:03", to=B), "change": None}]
    assert len(history.parse({"web-1": [*old, "no object"]})) == 2


def test_history_for_people() -> None:
    """The whole output."""
    error = {"what": "health check failed", "host": "web-1", "step": "6 of 11, wait until it is healthy"}
    figures = {
        "began_at": "2026-11-02T11:00:00Z",
        "seconds": 31.0,
        "error": error,
        "proof": None,
        "warnings": [],
    }
    failed = summary("11:31", TWO, result="failed", figures=figures)
    drained = line("drain", "00:09", figures={"cut_connections": 2})
    shown = report.text(history.parse({"web-1": [summary("00:04"), drained, failed]}), {"web-2": "no SSH"})
    assert shown == (
        "warning: web-2 could not be asked: no SSH\n"
        "when                  who         what     from                     to                       result"
        "  took    hosts  notes\n"
        f"2026-11-02T11:00:00Z  ann@laptop  release  {A}  {B}  failed"
        "  31.0 s  web-1  health check failed on web-1 (6 of 11, wait until it is healthy)\n"
        f"2026-11-02T10:00:00Z  ann@laptop  release  {A}  {B}  live  "
        "  3.2 s   web-1  120 requests, 0 failed, p99 9 ms; 2 connections cut at the drain's end"
    )


def test_nothing_is_a_story_too() -> None:
    """Not a table with only a head."""
    assert report.text((), {}) == "nothing was changed yet"
