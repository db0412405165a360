"""The audit's question and answer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.facts import audit
from orchestrator.model.fleet import Host
from orchestrator.transport import agent_protocol

ANSWER = {"event": "result", "fingerprint": "abc", "recorded": ["base", "nginx"], "differences": ["/etc/x"]}


def test_the_answer_is_read() -> None:
    """Whatever else the login prints."""
    said = f"Welcome!\n{json.dumps(ANSWER)}\n"
    assert audit.parse(said) == audit.Audit("abc", frozenset({"base", "nginx"}), ("/etc/x",))


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Welcome!\n",
        '{"event": "error", "what": "the verb is unknown", "kind": "UsageError"}\n',
        '{"event": "result", "version": "0.0.1"}\n',
    ],
)
def test_no_audit_is_none(said: str) -> None:
    """No agent, one that knows no audit, one that answers something else: Ansible is asked."""
    assert audit.parse(said) is None


@pytest.mark.parametrize("user", ["root", "admin"])
def test_the_question_never_fails(user: str) -> None:
    """A host without an agent ends it well and says nothing."""
    asked = audit.question(Host("web-1", "10.0.0.11", user=user))
    done = subprocess.run(["/bin/sh", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert ("sudo -n" in asked) == (user != "root")


def test_the_request_reaches_the_agent_as_one_line(tmp_path: Path) -> None:
    """Quoted so that a shell leaves it alone."""
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\ncat\n")
    program.chmod(0o755)
    asked = audit.question(Host("web-1", "10.0.0.11")).replace(agent_protocol.PROGRAM, str(program))
    done = subprocess.run(["/bin/sh", "-c", asked], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"protocol": 1, "app": "", "by": ""}
