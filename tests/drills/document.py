"""docs/drills.md: the text, and the table that is made from the catalogue.

`python -m tests.drills.document` writes it; a contract test holds the committed one equal to it.
"""

from __future__ import annotations

from pathlib import Path

from tests.drills.catalogue import FAULTS
from tests.drills.fault import Ends, Fault

DOCUMENT = Path(__file__).parents[2] / "docs" / "drills.md"
_MARK = "<!-- made from tests/drills/catalogue.py by `python -m tests.drills.document` -->\n"
_HEAD = "| fault | at the steps | what happens | what to type |\n|---|---|---|---|"


def table() -> str:
    """One line for all drills that differ in their step only."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for fault in FAULTS:
        groups.setdefault((fault.what, _happens(fault), _type(fault)), []).append(fault.place)
    lines = [
        f"| {what} | {', '.join(places)} | {happens} | {type_} |"
        for (what, happens, type_), places in groups.items()
    ]
    return "\n".join([_HEAD, *lines, ""])


def render() -> str:
    """The whole document: the committed text up to the mark, and the table of today."""
    text, _, _ = DOCUMENT.read_text().partition(_MARK)
    return f"{text}{_MARK}\n{len(FAULTS)} drills.\n\n{table()}"


def _happens(fault: Fault) -> str:
    if fault.step is None and fault.app == "good":
        return "a fleet that nobody releases to goes on; the figure to compare with"
    how = {0: "exit code 0", 130: "exit code 130"}.get(fault.code, f"exit code {fault.code}")
    return f"{'killed' if fault.code < 0 else how}; {fault.ends.value}"


def _type(fault: Fault) -> str:
    words = [word for word in fault.then if word not in ("--bundle", "{bundle}")]
    if fault.ends is Ends.NEW and fault.then[0] == "release":
        return "nothing"
    return f"`vpsdeploy {' '.join(words)}`" + (f", after {fault.harm.cure}" if fault.harm.cure else "")


def main() -> None:
    """Write it."""
    DOCUMENT.write_text(render())


if __name__ == "__main__":
    main()
