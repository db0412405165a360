"""Ansible's before and after are written as a unified diff."""

from __future__ import annotations

from orchestrator.transport.ansible_diff import of_result


def test_text_becomes_a_unified_diff() -> None:
    """Before and after of a file, with its path in the header."""
    part = {"before": "a\nb\n", "after": "a\nc\n", "before_header": "/etc/x", "after_header": "/etc/x"}
    _, diff = of_result({"changed": True, "diff": part})
    assert diff == "--- /etc/x\n+++ /etc/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c"


def test_structures_are_compared_as_json() -> None:
    """A module that gives dictionaries (file modes, states) shows the line that differs."""
    part = {"before": {"mode": "0600", "path": "/x"}, "after": {"mode": "0644", "path": "/x"}}
    _, diff = of_result({"changed": True, "diff": [part]})
    assert [line for line in diff.splitlines() if line[0] in "+-"][2:] == [
        '-  "mode": "0600",',
        '+  "mode": "0644",',
    ]


def test_a_prepared_diff_is_shown_as_it_is() -> None:
    """apt prepares its own text."""
    assert of_result({"changed": True, "diff": {"prepared": "Inst nginx\n"}}) == ((), "Inst nginx")


def test_several_files_of_one_task() -> None:
    """The module that applies a tree names its changes and gives a part for each file."""
    result = {
        "changed": True,
        "changes": ["/a", "/b"],
        "diff": [{"before": "", "after": "1\n"}, {"before": "same", "after": "same"}],
    }
    assert of_result(result) == (("/a", "/b"), "--- before\n+++ after\n@@ -0,0 +1 @@\n+1")


def test_an_unchanged_item_of_a_loop_has_no_part() -> None:
    """Only what changed is shown."""
    items = [{"changed": False, "path": "/a"}, {"changed": True, "path": "/b", "diff": None}]
    assert of_result({"changed": True, "results": items}) == (("/b",), "")


def test_a_censored_result_has_nothing() -> None:
    """no_log leaves neither path nor diff."""
    assert of_result({"censored": "hidden"}) == ((), "")
