"""What the controller takes as a secret's value is what the agent hands to systemd."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.agent import envfile
from orchestrator.agent.failures import UsageError
from orchestrator.config import fields

BORDERS = (
    "\0\t\n\r\x1f\x20\x7e\x7f\x80\u00a0\ud7ff\ud800\udfff\ue000\ufdcf\ufdd0\ufdef\ufdf0\ufffd\ufffe\uffff"
    "\U0001fffe\U0010ffff"
)


def _controller(value: str) -> bool:
    try:
        return fields.secret_value("NAME", value) == value
    except ValueError:
        return False


def _agent(value: str) -> bool:
    try:
        envfile.check("NAME", value)
    except UsageError:
        return False
    return True


@given(st.text(st.characters(exclude_categories=()), max_size=5) | st.sampled_from(BORDERS))
@example("x" * 130_996)
@example("x" * 130_997)
@example("ü" * 65_498)
@example("ü" * 65_499)
def test_both_judge_the_same(value: str) -> None:
    """Control characters, surrogates, what is no character, and the length."""
    assert _controller(value) == _agent(value)


def test_every_border_is_tried() -> None:
    """One by one, not by chance."""
    assert [_controller(c) for c in BORDERS] == [_agent(c) for c in BORDERS]
