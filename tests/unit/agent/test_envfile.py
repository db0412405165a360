"""The encoder for systemd's environment files, against a reader written after systemd's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.agent import envfile
from orchestrator.agent.failures import UsageError


def read_back(text: str) -> dict[str, str]:
    """What systemd 252 to 257 reads of a file of NAME="value" lines (src/basic/env-file.c)."""
    found: dict[str, str] = {}
    rest = text
    while rest:
        name, _, rest = rest.partition('="')
        value = ""
        while not rest.startswith('"'):
            if rest.startswith("\\"):
                rest = rest[1:]
                value += "" if rest[0] in '"\\`$' else "\\"
            value, rest = value + rest[0], rest[1:]
        found[name], rest = value, rest.removeprefix('"\n')
    return found


@given(st.text())
def test_every_value_is_read_back_exactly_or_refused(value: str) -> None:
    """There is no third way: nothing is changed or dropped silently."""
    try:
        text = envfile.encode({"A": value, "B": "end"}).decode()
    except UsageError:
        assert any(ord(character) < 32 or ord(character) >= 127 for character in value)
        return
    assert read_back(text) == {"A": value, "B": "end"}


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä"])
def test_a_name_that_systemd_would_drop_is_refused(name: str) -> None:
    """systemd drops it with a warning that nobody reads."""
    with pytest.raises(UsageError):
        envfile.encode({name: "x"})


def test_an_error_never_shows_the_value() -> None:
    """It may be a secret."""
    with pytest.raises(UsageError) as caught:
        envfile.check("TOKEN", "s3cret\0")
    assert "s3cret" not in caught.value.why
