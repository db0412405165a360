"""Paths and links from outside."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.agent.failures import UsageError
from orchestrator.agent.paths import check_tree, checked, checked_link

PARTS = st.sampled_from(["a", "b", "..", ".", "", "c"])


@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join))
def test_an_accepted_path_is_inside(path: str) -> None:
    """Whatever passes resolves to a place below the directory, under its own name."""
    try:
        accepted = checked(path)
    except UsageError:
        return
    assert (Path("/app") / accepted).resolve() == Path("/app") / path


@given(st.dictionaries(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join),
                       st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=4))  # fmt: skip
def test_accepted_links_never_lead_outside_together(links: dict[str, str]) -> None:
    """Made on a real disk, no chain of accepted links resolves to a place outside."""
    try:
        check_tree(links)
        accepted = {path: checked_link(path, target) for path, target in links.items()}
    except UsageError:
        return
    with TemporaryDirectory() as directory:
        root = Path(directory).resolve()
        for path, target in accepted.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)
        for path in accepted:
            try:
                assert (root / path).resolve().is_relative_to(root)
            except RuntimeError:
                continue  # a loop leads nowhere at all


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../b", "a//b", "", "a\nb", "x" * 300, None, 7, "a\udc80"]
)
def test_a_path_that_is_none_is_refused(path: object) -> None:
    """Absolute, upwards, empty parts, control characters, too long, no text."""
    with pytest.raises(UsageError):
        checked(path)


@pytest.mark.parametrize("paths", [["a", "a"], ["a", "a/b"], ["a/b/c", "a"]])
def test_nothing_is_written_beneath_a_file_or_link(paths: list[str]) -> None:
    """A link could carry the write outside."""
    with pytest.raises(UsageError):
        check_tree(paths)
