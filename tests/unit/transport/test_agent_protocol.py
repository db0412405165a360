"""The agent's messages on the controller's side."""

from __future__ import annotations

import json

import pytest

from orchestrator.errors import HostNotReady, HostUnreachable, InternalError, LockHeld
from orchestrator.secret import Secret
from orchestrator.transport import agent_protocol


def test_a_request_is_one_line() -> None:
    """A newline in a value is escaped: the agent reads one line."""
    line = agent_protocol.request_line("shop", "ann@laptop", {"settings": {"env": {"A": "1\n2"}}})
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "protocol": 1, "app": "shop", "by": "ann@laptop", "settings": {"env": {"A": "1\n2"}},
    }  # fmt: skip


def test_what_is_no_event_is_passed_over() -> None:
    """A login banner on standard output does no harm."""
    lines = (b"Welcome!", b"3", b'{"a": 1}', b'{"event": "result"}')
    assert [agent_protocol.parse_line(line) for line in lines] == [None, None, None, {"event": "result"}]


def test_an_error_gets_its_class_and_its_host() -> None:
    """kind names a class of errors.py."""
    error = agent_protocol.error_from(
        "web-1", {"kind": "LockHeld", "what": "taken", "why": "ann", "next": "wait"}
    )
    assert isinstance(error, LockHeld)
    assert (error.host, error.what, error.why, error.next) == ("web-1", "taken", "ann", "wait")


def test_an_unknown_kind_is_our_mistake() -> None:
    """A newer agent's class does not pass for something else."""
    assert isinstance(agent_protocol.error_from("web-1", {"kind": "Novel", "what": "?"}), InternalError)


@pytest.mark.parametrize(
    ("stderr", "kind", "what"),
    [
        ("sudo: a password is required", HostUnreachable, "sudo was refused"),
        ("sudo: vpsdeploy-agent: command not found", HostNotReady, "the host is not provisioned"),
        ("bash: sudo: No such file or directory", HostNotReady, "the host is not provisioned"),
        ("Killed", InternalError, "the agent gave no answer"),
    ],
)
def test_no_answer_says_what_is_missing(stderr: str, kind: type[Exception], what: str) -> None:
    """Each with `vpsdeploy provision host` as the next thing to type."""
    error = agent_protocol.no_answer("web-1", "facts", 1, stderr)
    assert type(error) is kind
    assert error.what == what
    assert "vpsdeploy provision host web-1" in error.next


def test_a_secret_reaches_the_host_and_nothing_else() -> None:
    """Wherever it stands in a request; what has no form in JSON is refused without being shown."""
    request = {"settings": {"env": {"A": Secret("hunter2")}}}
    assert json.loads(agent_protocol.request_line("shop", "ann", request))["settings"]["env"] == {
        "A": "hunter2"
    }
    assert "hunter2" not in repr(request) + str(request) + f"{request}"
    with pytest.raises(TypeError, match="object has no form in JSON"):
        agent_protocol.request_line("shop", "ann", {"a": object()})
